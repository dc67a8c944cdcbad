"""What the token tests start from: real servers, and databases on the servers of this machine."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from services import mariadb_database, postgresql_database
from sqlalchemy import Engine
from support import Server

from provider.auth.clients import Clients
from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.provider_database import open_database

SECRET_KEY = "a secret key for tests, of forty characters"


@dataclass
class Installation:
    """A provider database, its clients, and the servers that run over it."""

    settings: Settings
    engine: Engine
    clients: Clients
    servers: list[Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where its first server answers."""
        return self.servers[0].url

    def close(self) -> None:
        """Stop the servers and leave the database."""
        for server in self.servers:
            server.kill()
        self.engine.dispose()


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory, sample_data: str) -> Iterator[Callable[..., Installation]]:
    """Make an installation over the sample shop, with some servers of one worker each; they stop with the module.

    Without a `database_url` it has a SQLite file of its own; settings are given by the names of their variables.
    """
    with ExitStack() as stack:

        def install(*, servers: int = 1, database_url: str = "", **variables: str) -> Installation:
            folder = tmp_path_factory.mktemp("installation")
            settings = Settings(database_url=database_url or f"sqlite:///{folder}/provider.db", secret_key=SECRET_KEY)
            upgrade_database(settings)
            engine = open_database(settings)
            installation = Installation(settings, engine, Clients(engine, settings))
            stack.callback(installation.close)
            given = {
                "PROVIDER_DATABASE_URL": settings.database_url,
                "PROVIDER_SECRET_KEY": SECRET_KEY,
                "PROVIDER_SOURCE_DEMO_URL": sample_data,
                **variables,
            }

            def start(_: int) -> None:
                installation.servers.append(Server(folder, **given))

            with ThreadPoolExecutor(servers) as pool:
                list(pool.map(start, range(servers)))
            return installation

        yield install


@pytest.fixture(params=[postgresql_database, mariadb_database], ids=["PostgreSQL", "MariaDB"])
def server_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Make a migrated database on each database server of this machine; give its address."""
    with request.param() as url:
        upgrade_database(Settings(database_url=url))
        yield url
