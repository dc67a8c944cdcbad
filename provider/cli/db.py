"""`provider db`: the provider database's tables."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from alembic import command as alembic
from alembic.operations.ops import AddColumnOp, AlterColumnOp, ModifyTableOps
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError

from provider.errors import ConfigurationError
from provider.settings import Settings
from provider.store.migration_history import all_migrations, partner_migrations
from provider.store.provider_database import check_migrations_run, open_database, unreachable


def upgrade_database(settings: Settings) -> None:
    """Run what is new of our migrations, then of the partner's own; ConfigurationError when one cannot run."""
    try:
        for config in all_migrations(settings):
            alembic.upgrade(config, "heads")
    except DBAPIError as error:
        if error.statement is None or error.connection_invalidated:
            raise unreachable(error) from None
        cause = str(error.orig).partition("\n")[0]
        raise ConfigurationError(
            f"The provider database refused a migration: {cause}. Correct the migration if it is yours."
        ) from None
    except CommandError as error:
        raise ConfigurationError(
            f"The migrations do not fit the provider database: {error}. "
            "It was upgraded by a newer version, or with migrations that are not here: put those back."
        ) from None


def write_partner_migration(settings: Settings, message: str) -> Path:
    """Write a migration of the partner's own from how their fields differ from the tables; return its file.

    ConfigurationError when the provider database is not up to date, or nothing differs.
    """
    check_migrations_run(open_database(settings, poolclass=NullPool), settings)
    # "heads": after two branches of a fork were merged, the new migration follows both.
    script = alembic.revision(
        partner_migrations(settings),
        message,
        autogenerate=True,
        head="heads",
        process_revision_directives=_keep_fields,
    )
    if not isinstance(script, Script):
        raise ConfigurationError("The tables have every field. Write yours into _entity_fields.py first.")
    file = Path(script.path)
    if find_spec("ruff"):
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", file], check=True)  # noqa: S603 -- our own file
    return file


def _keep_fields(_context: Any, _revision: Any, scripts: list[Any]) -> None:
    """Keep what adds or changes a column, and drop nothing: a column holds data, an index may be somebody's own.

    No migration is written when nothing is left.
    """
    upgrade = scripts[0].upgrade_ops
    upgrade.ops = [table for table in upgrade.ops if isinstance(table, ModifyTableOps)]
    for table in upgrade.ops:
        table.ops = [change for change in table.ops if isinstance(change, AddColumnOp | AlterColumnOp)]
    upgrade.ops = [table for table in upgrade.ops if table.ops]
    upgrade.reverse_into(scripts[0].downgrade_ops)
    if upgrade.is_empty():
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
