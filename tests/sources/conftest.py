"""Three real databases, each made for the run and dropped at its end, and datasets over the tables a test makes."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from services import MARIADB, POSTGRESQL, require
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from provider.database.sources import Source, Sources
from provider.dataset import TableDataset
from provider.lookup import lookup

SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mysql+pymysql://root@127.0.0.1:3306/mysql?charset=utf8mb4",
}
SERVICES = {"postgresql": ("PostgreSQL", POSTGRESQL), "mariadb": ("MariaDB", MARIADB)}
KINDS = ("sqlite", *SERVERS)
HASH_KEY = b"a key for masks"


@dataclass
class Database:
    """A database to make tables in as its owner, and the source that reads it."""

    kind: str
    url: str
    limit: float = 2.0
    _opened: list[Sources] = field(default_factory=list)

    @property
    def owner(self) -> Engine:
        """The engine of whoever owns the database: it may write."""
        return create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def run(self, *statements: str, **values: Any) -> list[Any]:
        """Run statements as the owner; give the rows of the last one."""
        with self.owner.connect() as connection:
            return [_rows(connection, statement, values) for statement in statements][-1]

    def quote(self, name: str) -> str:
        """Write a name as this database quotes it, for `run`, which takes :name for a value."""
        quoted = self.owner.dialect.identifier_preparer.quote_identifier(name)
        return quoted.replace("%%", "%").replace(":", r"\:")

    @property
    def moment(self) -> str:
        """The type of a date with a time."""
        return "TIMESTAMP" if self.kind == "postgresql" else "DATETIME"

    def sources(self) -> Sources:
        """Open the database as the source `shop`."""
        sources = Sources({"shop": self.url}, timeout=self.limit)
        self._opened.append(sources)
        return sources

    def source(self) -> Source:
        """Open the source itself."""
        return self.sources()["shop"]

    def prepared(self, **declared: Any) -> TableDataset:
        """Make a dataset over the table `t`, prepared as the service would."""
        usual = {"name": "thing", "source": "shop", "identifiers": {"phone": "mobile"}, "record": {"v": "v"}}
        if "select" not in declared:
            usual["table"] = "t"
        dataset = TableDataset(**(usual | declared))
        dataset.prepare(self.sources(), hash_key=HASH_KEY)
        return dataset

    def serve(self, *script: str, **declared: Any) -> Callable[..., Any]:
        """Run a script as the owner, make a dataset, and give the function that asks it."""
        if script:
            self.run(*script)
        dataset = self.prepared(**declared)

        def ask(visible: dict[str, str | None] | None = None, **raw: Any) -> Any:
            return orjson.loads(orjson.dumps(lookup(dataset, raw, visible=visible)))

        return ask

    def close(self) -> None:
        """Close what was opened."""
        for sources in self._opened:
            for source in sources.opened():
                source.engine.dispose()


def _rows(connection: Connection, statement: str, values: dict[str, Any]) -> list[Any]:
    result = connection.execute(text(statement), values)
    return list(result) if result.returns_rows else []


@pytest.fixture(scope="session", params=KINDS)
def _server(request: pytest.FixtureRequest) -> Iterator[tuple[str, URL | None, str]]:
    """Reach a server and choose the name of a database of our own there, dropped at the end."""
    kind = request.param
    name = f"provider_test_{secrets.token_hex(6)}"
    if kind == "sqlite":
        yield kind, None, name
        return
    address = make_url(SERVERS[kind])
    require(*SERVICES[kind])
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield kind, address.set(database=name), name
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else "")))


@pytest.fixture
def database(_server: tuple[str, URL | None, str], tmp_path: Path) -> Iterator[Database]:
    """Give an empty database of each kind."""
    kind, address, name = _server
    address = address or URL.create("sqlite", database=f"{tmp_path}/{name}.db")
    database = Database(kind, address.render_as_string(hide_password=False))
    if kind == "postgresql":
        database.run("DROP SCHEMA IF EXISTS public, other CASCADE", "CREATE SCHEMA public")
    elif kind == "mariadb":
        database.run(f"DROP DATABASE {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"USE {name}")
    else:
        database.run("SELECT 1")
    yield database
    database.close()


def only(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on some of the databases only."""
    return pytest.mark.parametrize("_server", kinds, indirect=True, scope="session")
