"""The app: joins the parts, and prepares at the start whatever a lookup needs."""

from flask import Flask

from provider import log
from provider.api.data import data_api
from provider.api.errors import answer_errors
from provider.api.health import health
from provider.api.requests import log_requests
from provider.auth import Authenticator
from provider.auth.api_key import ApiKeys
from provider.contract.envelope import Envelope
from provider.contract.identity import check_region
from provider.dataset.discover import discover
from provider.settings import Settings
from provider.sources import Sources
from provider.store.engine import check_migrated, open_database

BODY_LIMIT = 64 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Make the WSGI app. ConfigurationError, in one line, when it could not serve."""
    settings = settings or Settings.from_environment()
    log.configure()
    check_region(settings.phone_region)
    envelope = Envelope.of(settings)
    engine = open_database(settings)
    keys = ApiKeys(engine, settings)
    check_migrated(engine, settings)
    sources = Sources(settings.sources)
    datasets = discover(settings.datasets)
    for dataset in datasets.values():
        dataset.prepare(sources)
    authenticator = Authenticator(keys, settings)
    databases = {"provider": engine} | {f"source {source.name}": source.engine for source in sources.opened()}

    app = Flask("provider", static_folder=None)
    app.extensions["databases"] = databases
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.url_map.merge_slashes = False  # a redirect has no envelope
    app.register_blueprint(data_api(datasets, authenticator, region=settings.phone_region))
    app.register_blueprint(health(databases))
    answer_errors(app, authenticator, envelope)
    log_requests(app)
    return app
