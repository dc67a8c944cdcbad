"""A provider database of each kind with entities in it, served by the real app."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from entity_store import Store
from services import mariadb_database, postgresql_database
from sqlalchemy import Engine, delete
from support import SECRET_KEY

from provider import create_app
from provider.auth.clients import Clients
from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.entity_tables import TABLES
from provider.store.provider_database import open_database

KINDS = ("sqlite", "postgresql", "mariadb")

Open = Callable[..., Store]


@pytest.fixture(scope="session", params=KINDS)
def database(
    request: pytest.FixtureRequest, migrated_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Make a provider database of each kind, once; give its address."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("entities") / "provider.db"
        shutil.copyfile(migrated_database, file)
        yield f"sqlite:///{file}"
        return
    with postgresql_database() if request.param == "postgresql" else mariadb_database() as url:
        upgrade_database(Settings(database_url=url))
        yield url


@pytest.fixture(scope="session")
def _open(database: str, sample_data: str) -> Iterator[Open]:
    engines: list[Engine] = []

    def make(**chosen: Any) -> Store:
        sources = {"demo": sample_data}
        given = {"database_url": database, "secret_key": SECRET_KEY, "sources": sources, "datasets": "samples"}
        settings = Settings(**(given | chosen))
        app = create_app(settings)
        engine = open_database(settings)
        engines.extend([*app.extensions["engines"], engine])
        clients = Clients(engine, settings)
        store = Store(settings, engine, clients, app.test_client())
        store.client.environ_base["HTTP_TOKEN_KEY"] = store.key()
        return store

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture(scope="session")
def _shared(_open: Open) -> Store:
    return _open()


@pytest.fixture
def store(_shared: Store) -> Iterator[Store]:
    """Give a provider database of each kind without entities."""
    yield _shared
    with _shared.engine.begin() as connection:
        for object_type in _shared.touched:
            connection.execute(delete(TABLES[object_type]))
    _shared.touched.clear()


@pytest.fixture
def serve(_open: Open, store: Store) -> Open:
    """Serve the same database with other settings."""

    def again(**chosen: Any) -> Store:
        other = _open(**chosen)
        other.touched = store.touched
        return other

    return again
