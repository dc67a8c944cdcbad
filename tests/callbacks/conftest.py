"""What the tests of callbacks and webhooks start from: an installation over a database of each kind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from services import mariadb_database, postgresql_database
from sqlalchemy import delete
from support import Deployment

from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.provider_database import open_database
from provider.store.schema import metadata

KEY = "the key agreed with Pango"


@pytest.fixture(scope="session", params=["SQLite", "PostgreSQL", "MariaDB"])
def _server_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Make a migrated database of each kind once."""
    with ExitStack() as stack:
        if request.param == "SQLite":
            url = f"sqlite:///{tmp_path_factory.mktemp('database')}/provider.db"
        else:
            url = stack.enter_context({"PostgreSQL": postgresql_database, "MariaDB": mariadb_database}[request.param]())
        upgrade_database(Settings(database_url=url))
        yield url


@pytest.fixture
def database_url(_server_database: str) -> str:
    """Give an empty database of each kind."""
    engine = open_database(Settings(database_url=_server_database))
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    engine.dispose()
    return _server_database


@pytest.fixture
def deploy_here(deploy: Callable[..., Deployment], database_url: str) -> Callable[..., Deployment]:
    """Make an installation over a database of each kind, with the key of callbacks."""
    return partial(deploy, database_url=database_url, callback_api_keys=(KEY,))
