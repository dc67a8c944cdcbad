"""The migrations of the provider database: ours, and after them the partner's own."""

from argparse import Namespace
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from provider.errors import ConfigurationError
from provider.settings import Settings
from provider.store.partner_package import MIGRATIONS, partner_folder

VERSION_TABLE = "provider_alembic_version"
"""The version table of our migrations. A partner who uses Alembic may have a table of its default name."""

PARTNER_VERSION_TABLE = "provider_partner_alembic_version"
"""The version table of the partner's own migrations: a history of its own, so that it never conflicts with ours."""

_PACKAGE = Path(__file__).parents[1]
_INSTALLED, _CHECKOUT = _PACKAGE / "migrations", _PACKAGE.parent / "migrations"


def our_migrations(settings: Settings) -> Config:
    """Return Alembic's configuration of our migrations."""
    return _configure(settings, _scripts() / "versions", VERSION_TABLE)


def partner_migrations(settings: Settings) -> Config:
    """Return Alembic's configuration of the partner's own migrations; ConfigurationError without a datasets package."""
    folder = partner_folder(settings.datasets)
    if folder is None:
        raise ConfigurationError(f"PROVIDER_DATASETS names {settings.datasets!r}, which is no package.")
    return _configure(settings, folder / MIGRATIONS, PARTNER_VERSION_TABLE)


def all_migrations(settings: Settings) -> list[Config]:
    """Return the configurations in the order they run: ours, then the partner's if there are any."""
    folder = partner_folder(settings.datasets)
    has_own = folder is not None and (folder / MIGRATIONS).is_dir()
    return [our_migrations(settings)] + ([partner_migrations(settings)] if has_own else [])


def is_current(connection: Connection, config: Config) -> bool:
    """Say whether the database has run all migrations of a configuration, and no others."""
    context = MigrationContext.configure(connection, opts={"version_table": config.attributes["version_table"]})
    return {*context.get_current_heads()} == {*ScriptDirectory.from_config(config).get_heads()}


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
