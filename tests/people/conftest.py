"""Provider databases of every kind, and one small one, empty at the start of every test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from households import Book
from services import mariadb_database, postgresql_database
from support import SECRET_KEY

from provider.cli.db import upgrade_database
from provider.records.people.suppression import IdentifierHasher
from provider.settings import Settings
from provider.store.provider_database import open_database


@pytest.fixture(scope="session", params=["SQLite", "PostgreSQL", "MariaDB"])
def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_database: Path
) -> Iterator[str]:
    """Make a migrated provider database of each kind; give its address."""
    with ExitStack() as stack:
        if request.param == "SQLite":
            file = tmp_path_factory.mktemp("people") / "provider.db"
            shutil.copyfile(migrated_database, file)
            yield f"sqlite:///{file}"
            return
        make = postgresql_database if request.param == "PostgreSQL" else mariadb_database
        url = stack.enter_context(make())
        upgrade_database(Settings(database_url=url))
        yield url


@pytest.fixture
def open_book() -> Iterator[Callable[[str], Book]]:
    """Open and empty provider databases by their addresses; they are closed at the end."""
    with ExitStack() as stack:

        def open_(url: str) -> Book:
            engine = open_database(Settings(database_url=url))
            stack.callback(engine.dispose)
            return Book(engine)

        yield open_


@pytest.fixture
def book(open_book: Callable[[str], Book], database_url: str) -> Book:
    """Give a database of each kind."""
    return open_book(database_url)


@pytest.fixture
def small_book(open_book: Callable[[str], Book], tmp_path: Path, migrated_database: Path) -> Book:
    """Give a SQLite file, for what no kind of database does in a way of its own."""
    shutil.copyfile(migrated_database, tmp_path / "provider.db")
    return open_book(f"sqlite:///{tmp_path}/provider.db")


@pytest.fixture
def hasher() -> IdentifierHasher:
    """Give what makes the keyed hashes of the tests' deployments."""
    return IdentifierHasher(SECRET_KEY.encode())
