"""What tests start from: a folder of their own, real SQLite files, the app, and a client with a key."""

import importlib
import itertools
import os
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from flask.testing import FlaskClient
from hypothesis.configuration import set_hypothesis_home_dir
from support import SECRET_KEY, Deployment

from provider import create_app
from provider.auth.clients import Clients
from provider.cli.db import upgrade_database
from provider.cli.sample_shop import load_sample
from provider.settings import PREFIX, Settings
from provider.store.provider_database import open_database

# No deadline: how fast a machine is must not decide. Nothing is written into the checkout.
hypothesis.settings.register_profile("suite", deadline=None, database=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("suite")


# The fields that a fork adds to the entities are not tested here.
sys.modules["provider.datasets._entity_fields"] = SimpleNamespace(fields={})  # type: ignore[assignment]

_notes = TemporaryDirectory(prefix="hypothesis-")
set_hypothesis_home_dir(_notes.name)


def pytest_unconfigure() -> None:
    """Throw away what hypothesis noted."""
    _notes.cleanup()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped: a line for each reason, with the number of its tests."""
    reports = terminalreporter.getreports("skipped")
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)
    for reason, tests in reasons.most_common():
        terminalreporter.write_line(f"{tests} skipped: {reason}")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run every test in an empty folder, without the settings of whoever runs it, and leave no trace of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(os.environ)
    for name in before:
        if name.startswith(PREFIX) or name == "PORT":
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Load the sample shop once; it is only ever read."""
    file = tmp_path_factory.mktemp("sample") / "demo.db"
    load_sample(file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate an empty provider database once, to be copied."""
    file = tmp_path_factory.mktemp("provider") / "provider.db"
    upgrade_database(Settings(database_url=f"sqlite:///{file}"))
    return file


@contextmanager
def _installations(folder: Path, migrated: Path, sample: str) -> Iterator[Callable[..., Deployment]]:
    """Give a function that makes installations in a folder; their databases are closed at the end."""
    engines = []

    def make(**chosen: Any) -> Deployment:
        file = folder / "provider.db"
        if not file.exists():
            shutil.copyfile(migrated, file)
        database_url, sources = f"sqlite:///{file}", {"demo": sample}
        given = {"database_url": database_url, "secret_key": SECRET_KEY, "sources": sources, "datasets": "samples"}
        settings = Settings(**(given | chosen))
        app = create_app(settings)
        engine = open_database(settings)
        engines.extend([*app.extensions["engines"], engine])
        return Deployment(settings, app, Clients(engine, settings))

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def deploy(tmp_path: Path, migrated_database: Path, sample_data: str) -> Iterator[Callable[..., Deployment]]:
    """Make an installation with these settings, a provider database of its own and the sample shop."""
    with _installations(tmp_path, migrated_database, sample_data) as make:
        yield make


@pytest.fixture
def deployment(deploy: Callable[..., Deployment]) -> Deployment:
    """Give an installation with default settings."""
    return deploy()


@pytest.fixture
def client(deployment: Deployment) -> FlaskClient:
    """Give an HTTP client that sends a valid key with every call."""
    return deployment.asking(deployment.issue().api_key)


@pytest.fixture(scope="session")
def shared_deployment(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path, sample_data: str
) -> Iterator[Deployment]:
    """Give one installation with default settings to all tests that only ask."""
    with _installations(tmp_path_factory.mktemp("shared"), migrated_database, sample_data) as make:
        yield make()


@pytest.fixture(scope="session")
def shared_client(shared_deployment: Deployment) -> FlaskClient:
    """Give an HTTP client with a valid key to all tests that only ask."""
    return shared_deployment.asking(shared_deployment.issue().api_key)


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Make a source over a new SQLite file: SQL statements, and rows to insert with what must not be quoted."""

    def make(script: str, *inserts: tuple[str, tuple[Any, ...]], name: str = "shop") -> dict[str, str]:
        file = tmp_path / f"{name}.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(script)
            for statement, values in inserts:
                connection.execute(statement, values)
            connection.commit()
        return {name: f"sqlite:///{file}"}

    return make


_numbers = itertools.count()


@pytest.fixture
def make_package(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Write a package of datasets, given as file name (without .py) and text, into the working folder; give its name.

    `{name}` in a text is the package's name: it differs from call to call, since Python imports a package once.
    """
    names = []

    def make(**files: str) -> str:
        name = f"partner_{next(_numbers)}"
        names.append(name)
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {"__init__": "", **files}.items():
            (folder / f"{file}.py").write_text(dedent(text).replace("{name}", name))
        importlib.invalidate_caches()
        return name

    yield make
    for module in [*sys.modules]:
        if module.partition(".")[0] in names:
            del sys.modules[module]
