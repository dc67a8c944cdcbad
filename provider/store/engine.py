"""The provider database's engine, and whether its tables are up to date."""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from provider.database import open_engine, read_address
from provider.errors import ConfigurationError
from provider.settings import Settings

VERSION_TABLE = "provider_alembic_version"
"""Of our own name: a partner's database may be managed by Alembic too."""

_CHECKOUT = Path(__file__).parents[2]


def open_database(settings: Settings, **options: Any) -> Engine:
    """Make the engine; it connects when first used. ConfigurationError for an address or a driver that is wrong.

    `options` are those of SQLAlchemy's create_engine.
    """
    setting = "PROVIDER_DATABASE_URL"
    engine = open_engine(read_address(settings.database_url, setting), setting, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    return engine


def migrations(settings: Settings) -> Config:
    """Give Alembic's configuration for these settings."""
    config = Config(_CHECKOUT / "alembic.ini")
    config.attributes["settings"] = settings
    return config


def check_migrated(engine: Engine, settings: Settings) -> None:
    """Refuse to start on tables that are missing or older than the code; ConfigurationError says what to run."""
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            current = context.get_current_revision()
    except SQLAlchemyError as error:
        raise unreachable(error) from None
    if current != ScriptDirectory.from_config(migrations(settings)).get_current_head():
        raise ConfigurationError("The provider database is not up to date. Run `provider db upgrade`.")


def unreachable(error: SQLAlchemyError) -> ConfigurationError:
    """Explain that the provider database does not answer, without its address: it may hold a password."""
    cause = getattr(error, "orig", None) or error
    return ConfigurationError(
        f"The provider database does not answer ({type(cause).__name__}). "
        "Check PROVIDER_DATABASE_URL and that the database is up."
    )


def _tune_sqlite(connection: Any, _: Any) -> None:
    """Let workers read while one writes, and wait for each other instead of failing."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
