"""What the tests of imports start from: provider databases of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from records import Store
from services import mariadb_database, postgresql_database
from sqlalchemy import delete

from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.entity_tables import TABLES
from provider.store.import_table import Import
from provider.store.provider_database import open_database


@contextmanager
def sqlite_database(folder: Path) -> Iterator[str]:
    """Give a SQLite file that is not there yet."""
    yield f"sqlite:///{folder}/provider.db"


@pytest.fixture(scope="session", params=["SQLite", "PostgreSQL", "MariaDB"])
def _database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = {
        "SQLite": lambda: sqlite_database(tmp_path_factory.mktemp("imports")),
        "PostgreSQL": postgresql_database,
        "MariaDB": mariadb_database,
    }[request.param]
    with opened() as url:
        settings = Settings(database_url=url)
        upgrade_database(settings)
        engine = open_database(settings)
        yield Store(url, engine)
        engine.dispose()


@pytest.fixture
def store(_database: Store) -> Iterator[Store]:
    """Give an empty provider database of each kind in turn."""
    yield _database
    with _database.engine.begin() as connection:
        for table in [*TABLES.values(), Import.__table__]:
            connection.execute(delete(table))


@pytest.fixture
def sqlite(tmp_path: Path, migrated_database: Path) -> Iterator[Store]:
    """Give an empty provider database in a SQLite file."""
    file = tmp_path / "provider.db"
    file.write_bytes(migrated_database.read_bytes())
    url = f"sqlite:///{file}"
    engine = open_database(Settings(database_url=url))
    yield Store(url, engine)
    engine.dispose()
