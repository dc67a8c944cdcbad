"""`provider demo`: sample data and a client, to try the service."""

from pathlib import Path

import click
from sqlalchemy.engine import make_url

from provider.cli.client.commands import open_clients
from provider.cli.connect import connect
from provider.cli.connection_sheet import print_sheet
from provider.cli.db import upgrade_database
from provider.cli.init import ENV_FILE, write_env
from provider.cli.sample_shop import PEOPLE, SOURCE, load_sample
from provider.settings import Settings

CLIENT = "demo"


@click.command("demo")
@click.option("--port", default=8000, show_default=True, envvar="PORT", help="Port the curl lines go to.")
def command(port: int) -> None:
    """Make everything for a first look: .env, tables, sample data, a client. Safe to run again.

    What exists already is left as it is.
    """
    if write_env():
        click.echo(f"Wrote {ENV_FILE} with a fresh secret key.")
    settings = Settings.from_environment()
    upgrade_database(settings)
    _load_sample(settings)
    clients = open_clients(settings)
    if CLIENT not in {client.name for client in clients.list()}:
        issued = clients.create(CLIENT, {})
        click.echo(f"Created client {CLIENT}. Its API key, shown this once: {issued.api_key}\n")
    print_sheet(connect(CLIENT, settings, f"http://127.0.0.1:{port}"))


def _load_sample(settings: Settings) -> None:
    """Fill the sample database, which is a SQLite file of its own."""
    url = settings.sources.get(SOURCE, "")
    address = make_url(url) if url.startswith("sqlite:///") else None
    if address is None or not address.database:
        click.echo(f"No sample data: PROVIDER_SOURCE_{SOURCE.upper()}_URL does not name a SQLite file.")
    elif load_sample(Path(address.database)):
        click.echo(f"Loaded {PEOPLE} sample customers into {address.database}.")
