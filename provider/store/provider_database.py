"""The provider database: its engine, its migrations, and whether its tables are up to date."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from provider.database.engines import open_engine, read_address
from provider.errors import ConfigurationError
from provider.settings import Settings
from provider.store.partner_package import MIGRATIONS, load_partner_fields, partner_folder

VERSION_TABLE = "provider_alembic_version"
"""The version table of our migrations. A partner who uses Alembic may have a table of its default name."""

PARTNER_VERSION_TABLE = "provider_partner_alembic_version"
"""The version table of the partner's own migrations: a history of its own, so that it never conflicts with ours."""

LOCK_SECONDS = 5
"""How long a statement waits for a lock. Without a limit, one lock could block every thread of the service."""

_PACKAGE = Path(__file__).parents[1]
_INSTALLED, _CHECKOUT = _PACKAGE / "migrations", _PACKAGE.parent / "migrations"


def open_database(settings: Settings, **options: Any) -> Engine:
    """Make the engine, which connects when first used, and add the partner's own fields to the tables.

    `options` are those of SQLAlchemy's create_engine. ConfigurationError for a wrong address, driver or field.
    """
    load_partner_fields(settings.datasets)
    setting = "PROVIDER_DATABASE_URL"
    engine = open_engine(read_address(settings.database_url, setting), setting, **options)
    event.listen(engine, "connect", partial(_tune, _tuning(engine.dialect.name)))
    return engine


def migrations(settings: Settings) -> Config:
    """Return Alembic's configuration of our migrations."""
    return _configure(settings, _scripts() / "versions", VERSION_TABLE)


def partner_migrations(settings: Settings) -> Config:
    """Return Alembic's configuration of the partner's own migrations; ConfigurationError without a datasets package."""
    folder = partner_folder(settings.datasets)
    if folder is None:
        raise ConfigurationError(f"PROVIDER_DATASETS names {settings.datasets!r}, which is no package.")
    return _configure(settings, folder / MIGRATIONS, PARTNER_VERSION_TABLE)


def all_migrations(settings: Settings) -> list[Config]:
    """Return the configurations of all migrations in the order they run: ours, then the partner's if there are any."""
    folder = partner_folder(settings.datasets)
    has_own = folder is not None and (folder / MIGRATIONS).is_dir()
    return [migrations(settings)] + ([partner_migrations(settings)] if has_own else [])


def _scripts() -> Path:
    """Return the folder of our migrations: in the installed package, else in the checkout."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def _configure(settings: Settings, versions: Path, version_table: str) -> Config:
    config = Config(cmd_opts=Namespace(quiet=True), attributes={"settings": settings, "version_table": version_table})
    options = {
        "script_location": str(_scripts()),
        "version_locations": str(versions),
        "path_separator": "newline",
        "file_template": "%(year)d%(month).2d%(day).2d_%(slug)s_%(rev)s",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


def check_migrated(engine: Engine, settings: Settings) -> None:
    """Check that every migration was run; ConfigurationError says what to run."""
    try:
        with engine.connect() as connection:
            is_current = all(_is_current(connection, config) for config in all_migrations(settings))
    except SQLAlchemyError as error:
        raise unreachable(error) from None
    if not is_current:
        raise ConfigurationError("The provider database is not up to date. Run `provider db upgrade`.")


def _is_current(connection: Connection, config: Config) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table": config.attributes["version_table"]})
    return {*context.get_current_heads()} == {*ScriptDirectory.from_config(config).get_heads()}


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Engine]:
    """Open the provider database for a command; ConfigurationError when it is not up to date."""
    engine = open_database(settings)
    try:
        check_migrated(engine, settings)
        yield engine
    finally:
        engine.dispose()


def empty_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log: deleted rows remain in it as long as somebody has the database open."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def unreachable(error: SQLAlchemyError) -> ConfigurationError:
    """Make the error for a provider database that does not answer, without its address: it may hold a password."""
    cause = getattr(error, "orig", None) or error
    return ConfigurationError(
        f"The provider database does not answer ({type(cause).__name__}). "
        "Check PROVIDER_DATABASE_URL and that the database is up."
    )


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
