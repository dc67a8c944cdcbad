"""`provider db`: the provider database's tables."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from alembic import command as alembic
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError

from provider.errors import ConfigurationError
from provider.settings import Settings
from provider.store.migration_history import all_migrations, partner_migrations
from provider.store.provider_database import migrated_database, unreachable


def upgrade_database(settings: Settings) -> None:
    """Run what is new of our migrations, then of the partner's own; ConfigurationError when one cannot run."""
    try:
        for config in all_migrations(settings):
            alembic.upgrade(config, "heads")
    except OperationalError as error:
        raise unreachable(error) from None
    except CommandError as error:
        raise ConfigurationError(
            f"The migrations do not fit the provider database: {error}. "
            "It was upgraded by a newer version, or with migrations that are not here: put those back."
        ) from None


def write_partner_migration(settings: Settings, message: str) -> Path:
    """Write a migration of the partner's own from how their fields differ from the tables; return its file.

    ConfigurationError when the provider database is not up to date, or nothing differs.
    """
    with migrated_database(settings):
        # "heads": after two branches of a fork were merged, the new migration follows both.
        script = alembic.revision(
            partner_migrations(settings),
            message,
            autogenerate=True,
            head="heads",
            process_revision_directives=_skip_empty,
        )
    if not isinstance(script, Script):
        raise ConfigurationError("The tables have every field. Write yours into _entity_fields.py first.")
    file = Path(script.path)
    if find_spec("ruff"):
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", file], check=True)  # noqa: S603 -- our own file
    return file


def _skip_empty(_context: Any, _revision: Any, scripts: list[Any]) -> None:
    if scripts[0].upgrade_ops.is_empty():
        scripts.clear()


@click.group("db")
def command() -> None:
    """Make and update the service's own tables."""


@command.command()
def upgrade() -> None:
    """Bring the provider database up to date. Safe to run again."""
    upgrade_database(Settings.from_environment())
    click.echo("The provider database is up to date.")


@command.command()
@click.option("-m", "--message", required=True, help="What it changes; part of the file's name.")
def revision(message: str) -> None:
    """Write a migration for the fields of your own in _entity_fields.py."""
    file = write_partner_migration(Settings.from_environment(), message)
    click.echo(f"Written: {file}. Read it, commit it, and run `provider db upgrade`.")
