"""`provider db`: the provider database's tables."""

import click
from alembic import command as alembic

from provider.settings import Settings
from provider.store.engine import migrations


def upgrade_database(settings: Settings) -> None:
    """Bring the tables up to date; nothing happens when they are."""
    alembic.upgrade(migrations(settings), "head")


@click.group("db")
def command() -> None:
    """Make and update the service's own tables."""


@command.command()
def upgrade() -> None:
    """Bring the provider database up to date. Safe to run again."""
    upgrade_database(Settings.from_environment())
    click.echo("The provider database is up to date.")
