"""The provider database's engine, and whether its tables are up to date."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from provider.database.engines import open_engine, read_address
from provider.errors import ConfigurationError, SourceUnavailable
from provider.settings import Settings

VERSION_TABLE = "provider_alembic_version"
"""Of our own name: a partner's database may be managed by Alembic too."""

LOCK_SECONDS = 5
"""How long a statement waits for what somebody else has locked: without a limit it would hold a worker's thread, and a
few of them the whole service."""

_CHECKOUT = Path(__file__).parents[2]


def open_database(settings: Settings, **options: Any) -> Engine:
    """Make the engine; it connects when first used. ConfigurationError for an address or a driver that is wrong.

    `options` are those of SQLAlchemy's create_engine.
    """
    setting = "PROVIDER_DATABASE_URL"
    engine = open_engine(read_address(settings.database_url, setting), setting, **options)
    event.listen(engine, "connect", partial(_tune, _tuning(engine.dialect.name)))
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


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Engine]:
    """Open the provider database, which must be up to date, for as long as a command works with it."""
    engine = open_database(settings)
    try:
        check_migrated(engine, settings)
        yield engine
    finally:
        engine.dispose()


def empty_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, which still holds what was deleted while somebody has the database open."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def unreachable(error: SQLAlchemyError) -> ConfigurationError:
    """Explain that the provider database does not answer, without its address: it may hold a password."""
    cause = getattr(error, "orig", None) or error
    return ConfigurationError(
        f"The provider database does not answer ({type(cause).__name__}). "
        "Check PROVIDER_DATABASE_URL and that the database is up."
    )


@contextmanager
def reaching_database() -> Iterator[None]:
    """Raise SourceUnavailable for whatever the provider database raises inside a `with` block."""
    try:
        yield
    except SQLAlchemyError as error:
        raise database_down() from error


def database_down() -> SourceUnavailable:
    """Make the error that says that the provider database does not answer."""
    return SourceUnavailable("The provider database does not answer. Try again later.")


def _tuning(dialect: str) -> Sequence[str]:
    match dialect:
        case "sqlite":
            return (
                "PRAGMA journal_mode = WAL",  # workers read while one writes
                "PRAGMA synchronous = NORMAL",
                f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}",
                "PRAGMA foreign_keys = ON",
                "PRAGMA secure_delete = ON",  # what is deleted may be personal, and stays until written over otherwise
            )
        case "postgresql":
            return (f"SET lock_timeout = '{LOCK_SECONDS}s'",)
        case "mysql" | "mariadb":
            return (f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}",)
    return ()


def _tune(statements: Sequence[str], connection: Any, _: Any) -> None:
    """Run statements on a fresh connection, for as long as it lives."""
    with closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.commit()  # PostgreSQL would take them back with the transaction
