"""`provider db`: the provider database's tables."""

import click
from alembic import command as alembic
from sqlalchemy.exc import OperationalError

from provider.settings import Settings
from provider.store.provider_database import migrations, unreachable


def upgrade_database(settings: Settings) -> None:
    """Bring the tables up to date; nothing happens when they are."""
    try:
        alembic.upgrade(migrations(settings), "head")
    except OperationalError as error:
        raise unreachable(error) from None


@click.group("db")
def command() -> None:
    """Make and update the service's own tables."""


@command.command()
def upgrade() -> None:
    """Bring the provider database up to date. Safe to run again."""
    upgrade_database(Settings.from_environment())
    click.echo("The provider database is up to date.")
