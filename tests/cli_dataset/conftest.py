"""Databases of their own on SQLite, PostgreSQL and MariaDB, and the commands over them."""

import json
import shlex
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import services
from click.testing import CliRunner, Result
from report import findings

from provider.cli.main import provider

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432"
MARIADB = "mysql+pymysql://root@127.0.0.1:3306"


@dataclass(frozen=True)
class Database:
    """A partner's database, empty at first."""

    kind: str
    url: str
    connect: Callable[[], Any]

    def run(self, *statements: str) -> None:
        """Run statements, as its owner."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)

    def fill(self, table: str, columns: Sequence[str], *rows: Sequence[Any]) -> None:
        """Insert rows."""
        mark = "?" if self.kind == "sqlite" else "%s"
        into = f"{self.quote(table)} ({', '.join(map(self.quote, columns))})"
        into = into if self.kind == "sqlite" else into.replace("%", "%%")
        statement = f"INSERT INTO {into} VALUES ({', '.join([mark] * len(columns))})"
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            cursor.executemany(statement, [list(row) for row in rows])
            cursor.execute("COMMIT")

    def quote(self, name: str) -> str:
        """Write a name as SQL."""
        mark = "`" if self.kind == "mariadb" else '"'
        return f"{mark}{name.replace(mark, mark * 2)}{mark}"


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    """Make an empty SQLite file."""
    file = tmp_path / "partner.db"
    sqlite3.connect(file).close()
    return Database("sqlite", f"sqlite:///{file}", partial(sqlite3.connect, file, isolation_level=None))


@pytest.fixture(scope="session")
def _postgresql_database() -> Iterator[str]:
    """Make a PostgreSQL database of a name of its own, dropped at the end of the run."""
    name = f"doctor_{uuid.uuid4().hex[:12]}"
    services.require("PostgreSQL", services.POSTGRESQL)
    with closing(psycopg.connect("host=127.0.0.1 user=postgres", autocommit=True)) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield name
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def postgresql(_postgresql_database: str) -> Iterator[Database]:
    """Give an empty PostgreSQL database."""
    name = _postgresql_database
    connect = partial(psycopg.connect, f"host=127.0.0.1 user=postgres dbname={name}", autocommit=True)
    database = Database("postgresql", f"{POSTGRESQL}/{name}", connect)
    yield database
    database.run('DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS "Sales Data" CASCADE; CREATE SCHEMA public')


@pytest.fixture(scope="session")
def _mariadb_database() -> Iterator[tuple[str, Any]]:
    """Make a MariaDB database of a name of its own, dropped at the end of the run."""
    name = f"doctor_{uuid.uuid4().hex[:12]}"
    services.require("MariaDB", services.MARIADB)
    server = pymysql.connect(host="127.0.0.1", user="root", autocommit=True)
    with closing(server), closing(server.cursor()) as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        yield name, cursor
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def mariadb(_mariadb_database: tuple[str, Any]) -> Iterator[Database]:
    """Give an empty MariaDB database."""
    name, cursor = _mariadb_database
    connect = partial(pymysql.connect, host="127.0.0.1", user="root", database=name, autocommit=True)
    yield Database("mariadb", f"{MARIADB}/{name}?charset=utf8mb4", connect)
    cursor.execute(f"DROP DATABASE IF EXISTS {name}")
    cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    """Give an empty database of each kind in turn."""
    return request.getfixturevalue(request.param)


@dataclass
class Project:
    """A partner's project: a package of datasets, a source called crm, and the commands."""

    package: str
    folder: Path

    def run(self, line: str) -> Result:
        """Run a command line; it never ends in a traceback."""
        result = CliRunner().invoke(provider, shlex.split(line), prog_name="provider")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Unexpected" not in result.output, result.output
        for module in [*sys.modules]:
            if module.startswith(f"{self.package}."):
                del sys.modules[module]  # each command is a process of its own
        return result

    def new(self, line: str) -> str:
        """Write a dataset with `dataset new`; give what is printed."""
        result = self.run(f"dataset new {line}")
        assert result.exit_code == 0, result.output
        return result.output

    def text(self, name: str) -> str:
        """Read a dataset's file."""
        return (self.folder / f"{name}.py").read_text()

    def doctor(self, name: str, options: str = "") -> dict[str, Any]:
        """Examine a dataset; give its report."""
        result = self.run(f"dataset doctor {name} --json {options}")
        (report,) = json.loads(result.stdout)
        assert result.exit_code == (1 if report["errors"] else 0)
        return report

    def lint(self) -> None:
        """Check that the written files pass our own formatter and linter."""
        ruff, settings = Path(sys.executable).with_name("ruff"), Path(__file__).parents[2] / "pyproject.toml"
        for check in (["format", "--check"], ["check"]):
            command = [ruff, *check, "--no-cache", "--config", settings, *self.folder.glob("[a-z]*.py")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def project_over(
    make_package: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Project]:
    """Make projects over a database, with the dataset files given."""

    def make(database: Database, **files: str) -> Project:
        package = make_package(__init__='"""A partner\'s datasets."""\n', **files)
        monkeypatch.setenv("PROVIDER_DATASETS", package)
        monkeypatch.setenv("PROVIDER_SOURCE_CRM_URL", database.url)
        return Project(package, tmp_path / package)

    return make


@pytest.fixture
def project(database: Database, project_over: Callable[..., Project]) -> Project:
    """Make a project over the database of the test, without datasets."""
    return project_over(database)


@pytest.fixture
def the_finding() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Give the one error or warning of a report; there must be no other."""

    def only(report: dict[str, Any]) -> dict[str, Any]:
        found = findings(report)
        assert len(found) == 1, found
        return found[0]

    return only
