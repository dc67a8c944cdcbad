"""Builds the WSGI app from its parts, and prepares what lookups need."""

from collections.abc import Mapping

import structlog
from flask import Flask

from provider import log
from provider.api.callback import callback_api
from provider.api.consent import consent_page
from provider.api.data import data_api
from provider.api.error_handlers import answer_errors
from provider.api.flask_app import ProviderApp
from provider.api.health import health
from provider.api.oauth2 import oauth2_api
from provider.api.proxies import trust_proxies
from provider.api.token import token_api
from provider.api.webhook import webhook_api
from provider.auth.access_tokens import AccessTokens
from provider.auth.authenticator import Authenticator
from provider.auth.bearer_tokens import BearerTokens
from provider.auth.callers import Callers
from provider.auth.client_secrets import ClientSecrets
from provider.auth.credentials import StoredCredentials
from provider.auth.failed_logins import FailedLogins
from provider.auth.issuers import Issuers
from provider.auth.keys import Pepper, derive_key
from provider.auth.oauth2.authorization_server import OAuthServer
from provider.auth.oauth2.issued_tokens import IssuedTokens
from provider.auth.one_time_secrets import OneTimeSecrets
from provider.contract.envelope import Envelope
from provider.contract.identity import check_region
from provider.database.sources import OWN, Sources
from provider.dataset import Dataset
from provider.dataset.builtin import all_datasets
from provider.errors import SourceUnavailable
from provider.ingestion.inbound.callbacks import Callbacks
from provider.ingestion.inbound.webhook_handlers import load_handlers
from provider.ingestion.inbound.webhook_worker import Worker
from provider.ingestion.inbound.webhooks import Inbox
from provider.records.people.suppression import Suppressions
from provider.settings import Settings
from provider.store.provider_database import check_migrated, open_database

logger = structlog.get_logger()

BODY_LIMIT = 64 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Make the WSGI app; ConfigurationError when a setting or the database keeps it from serving."""
    settings = settings or Settings.from_environment()
    log.configure()
    check_region(settings.phone_region)
    envelope = Envelope.of(settings)
    secret_key = settings.require_secret_key()
    engine = open_database(settings)
    check_migrated(engine, settings)
    sources = Sources.of(settings)
    datasets = _prepare_datasets(settings, sources)
    opened = {source.name: source.engine for source in sources.opened()}
    databases = {"provider": engine} | {f"source {name}": source for name, source in opened.items() if name != OWN}

    pepper = Pepper(secret_key)
    callers = Callers(engine, settings)
    pinned = open_database(settings, isolation_level="AUTOCOMMIT", max_overflow=-1)
    tokens = AccessTokens(pinned, secret_key, settings.token_ttl)
    failed_logins = FailedLogins(settings.redis_url)
    credentials = StoredCredentials(engine, settings, pepper=pepper, callers=callers, failed_logins=failed_logins)
    client_secrets = ClientSecrets(credentials, failed_logins)
    issuers = Issuers(settings.oauth_issuers)
    bearer_tokens = BearerTokens(settings, tokens=tokens, issuers=issuers, callers=callers, failed_logins=failed_logins)
    authenticator = Authenticator(settings, credentials=credentials, bearer_tokens=bearer_tokens)

    callbacks = Callbacks(engine, settings, failed_logins)
    inbox = Inbox(engine)
    worker = Worker(inbox, load_handlers(settings.datasets))

    app = ProviderApp()
    app.extensions["worker"] = worker
    app.extensions["databases"] = databases
    app.extensions["engines"] = [engine, *opened.values(), pinned]
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    suppressions = Suppressions(engine, secret_key, region=settings.phone_region)
    app.register_blueprint(data_api(datasets, authenticator, suppressions, region=settings.phone_region))
    if "token" in settings.auth_methods:
        app.register_blueprint(token_api(client_secrets, tokens, settings))
    if "oauth" in settings.auth_methods:
        one_time_secrets = OneTimeSecrets(engine, pepper)
        issued_tokens = IssuedTokens(tokens, one_time_secrets, callers)
        server = OAuthServer(
            app, callers=callers, client_secrets=client_secrets, issued_tokens=issued_tokens, datasets=list(datasets)
        )
        app.register_blueprint(oauth2_api(server))
        app.register_blueprint(consent_page(server, one_time_secrets, failed_logins))
    app.register_blueprint(callback_api(callbacks))
    app.register_blueprint(webhook_api(inbox, worker, authenticator))
    app.register_blueprint(health(databases))
    answer_errors(app, authenticator, envelope)
    app.wsgi_app = trust_proxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[assignment, method-assign]
    return app


def create_serving_app() -> Flask:
    """Make the WSGI app and start its worker that handles webhooks."""
    app = create_app()
    app.extensions["worker"].start()
    return app


def _prepare_datasets(settings: Settings, sources: Sources) -> Mapping[str, Dataset]:
    """Prepare the datasets. One whose database does not answer is prepared again at its first lookup."""
    datasets = all_datasets(settings.datasets)
    hash_key = derive_key(settings.require_secret_key(), "masks")
    for dataset in datasets.values():
        try:
            dataset.prepare(sources, hash_key=hash_key)
        except SourceUnavailable:
            logger.warning("source does not answer", dataset=dataset.name)
    return datasets
