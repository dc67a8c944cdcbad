"""Alembic's configuration: what it is to run, and on which database."""

from argparse import Namespace

from alembic.config import Config

from provider.settings import Settings
from provider.store.migration_history import (
    MigrationHistory,
    all_histories,
    migration_scripts,
    our_history,
    partner_history,
)


def migrations(settings: Settings) -> Config:
    """Return Alembic's configuration of our migrations."""
    return _configure(settings, our_history())


def partner_migrations(settings: Settings) -> Config:
    """Return Alembic's configuration of the partner's own migrations; ConfigurationError without a datasets package."""
    return _configure(settings, partner_history(settings))


def all_migrations(settings: Settings) -> list[Config]:
    """Return the configurations of all migrations in the order they run: ours, then the partner's if there are any."""
    return [_configure(settings, history) for history in all_histories(settings)]


def _configure(settings: Settings, history: MigrationHistory) -> Config:
    attributes = {"settings": settings, "version_table": history.version_table}
    config = Config(cmd_opts=Namespace(quiet=True), attributes=attributes)
    options = {
        "script_location": str(migration_scripts()),
        "version_locations": str(history.folder),
        "path_separator": "newline",
        "file_template": "%(year)d%(month).2d%(day).2d_%(slug)s_%(rev)s",
    }
    for name, value in options.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config
