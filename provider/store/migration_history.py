"""Which migrations there are, and which were run. Without Alembic: importing it takes longer than most commands."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from provider.errors import ConfigurationError
from provider.settings import Settings
from provider.store.partner_package import MIGRATIONS, partner_folder

VERSION_TABLE = "provider_alembic_version"
"""The version table of our migrations. A partner who uses Alembic may have a table of its default name."""

PARTNER_VERSION_TABLE = "provider_partner_alembic_version"
"""The version table of the partner's own migrations: a history of its own, so that it never conflicts with ours."""

_PACKAGE = Path(__file__).parents[1]
_INSTALLED, _CHECKOUT = _PACKAGE / "migrations", _PACKAGE.parent / "migrations"
_REVISION = re.compile(r"^revision\b.*?= *(.+)$", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision\b.*?= *(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class MigrationHistory:
    """Migrations that follow each other: the folder of their files, and the table that says which were run last."""

    folder: Path
    version_table: str

    def newest(self) -> set[str]:
        """Read from the files which revisions no other one follows."""
        texts = [file.read_text(encoding="utf-8") for file in self.folder.glob("*.py")]
        revisions = {ast.literal_eval(found) for text in texts for found in _REVISION.findall(text)}
        earlier = [ast.literal_eval(found) for text in texts for found in _DOWN_REVISION.findall(text)]
        return revisions.difference(*(each if isinstance(each, tuple) else [each] for each in earlier))

    def last_run(self, connection: Connection) -> set[str]:
        """Read from the database which revisions were run last; none when it has no version table."""
        if not inspect(connection).has_table(self.version_table):
            return set()
        return set(connection.scalars(select(column("version_num")).select_from(table(self.version_table))))


def migration_scripts() -> Path:
    """Return the folder of our migrations: in the installed package, else in the checkout."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def our_history() -> MigrationHistory:
    """Return the history of our own migrations."""
    return MigrationHistory(migration_scripts() / "versions", VERSION_TABLE)


def partner_history(settings: Settings) -> MigrationHistory:
    """Return the history of the partner's own migrations; ConfigurationError without a datasets package."""
    folder = partner_folder(settings.datasets)
    if folder is None:
        raise ConfigurationError(f"PROVIDER_DATASETS names {settings.datasets!r}, which is no package.")
    return MigrationHistory(folder / MIGRATIONS, PARTNER_VERSION_TABLE)


def all_histories(settings: Settings) -> list[MigrationHistory]:
    """Return the histories in the order they run: ours, then the partner's if there is one."""
    folder = partner_folder(settings.datasets)
    has_own = folder is not None and (folder / MIGRATIONS).is_dir()
    return [our_history()] + ([partner_history(settings)] if has_own else [])
