"""Opens the provider database, and checks that its tables are up to date."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError

from provider.database.drivers import driver_error
from provider.database.engines import open_engine, read_address
from provider.errors import ConfigurationError, SourceUnavailable
from provider.settings import Settings
from provider.store.migration_history import all_migrations, is_current
from provider.store.partner_package import load_partner_fields

LOCK_SECONDS = 5
"""How long a statement waits for a lock. Without a limit, one lock could block every thread of the service."""


def open_database(settings: Settings, **options: Any) -> Engine:
    """Make the engine, which connects when first used, and add the partner's own fields to the tables.

    `options` are those of SQLAlchemy's create_engine. ConfigurationError for a wrong address, driver or field.
    """
    load_partner_fields(settings.datasets)
    setting = "PROVIDER_DATABASE_URL"
    engine = open_engine(read_address(settings.database_url, setting), setting, **options)
    event.listen(engine, "connect", partial(_tune, _tuning(engine.dialect.name)))
    return engine


def check_migrated(engine: Engine, settings: Settings) -> None:
    """Check that every migration was run, and that each field has its column; ConfigurationError says what to run."""
    check_migrations_run(engine, settings)
    for column in load_partner_fields(settings.datasets):
        if column.name not in {found["name"] for found in inspect(engine).get_columns(column.table.name)}:
            raise ConfigurationError(
                f"The field {column.name} in _entity_fields.py has no column yet. "
                f'Run `provider db revision -m "{column.name}"`, then `provider db upgrade`.'
            )


def check_migrations_run(engine: Engine, settings: Settings) -> None:
    """Check that every migration was run; ConfigurationError says what to run."""
    try:
        with engine.connect() as connection:
            migrated = all(is_current(connection, config) for config in all_migrations(settings))
    except SQLAlchemyError as error:
        raise unreachable(error) from None
    if not migrated:
        raise ConfigurationError("The provider database is not up to date. Run `provider db upgrade`.")


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Engine]:
    """Open the provider database for a command; ConfigurationError when it is not up to date."""
    engine = open_database(settings)
    try:
        check_migrated(engine, settings)
        yield engine
    finally:
        engine.dispose()


def empty_write_ahead_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log: deleted rows remain in it as long as somebody has the database open."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def unreachable(error: SQLAlchemyError) -> ConfigurationError:
    """Make the error for a provider database that does not answer, without its address: it may hold a password."""
    return ConfigurationError(
        f"The provider database does not answer ({type(driver_error(error)).__name__}). "
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
                "PRAGMA secure_delete = ON",  # overwrites deleted rows, which may be personal data
            )
        case "postgresql":
            return (f"SET lock_timeout = '{LOCK_SECONDS}s'",)
        case "mysql" | "mariadb":
            return (f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}",)
    return ()


def _tune(statements: Sequence[str], connection: Any, _: Any) -> None:
    """Run the statements that set up a new connection."""
    with closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.commit()  # otherwise PostgreSQL undoes them with the transaction
