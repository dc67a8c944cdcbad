"""A folder as `provider init`, `provider db upgrade` and the sample data leave it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import fill, open_clients, provider

from provider.auth.clients import Clients


@pytest.fixture
def folder(tmp_path: Path, migrated_database: Path, sample_data: str) -> Path:
    """Give a working folder with settings, tables and the sample shop, free to be changed."""
    return fill(tmp_path, migrated_database, sample_data)


@pytest.fixture
def clients(folder: Path) -> Iterator[Clients]:
    """Open the clients of the folder's provider database, beside the commands."""
    with open_clients(folder) as clients:
        yield clients


@pytest.fixture
def run(folder: Path) -> Callable[..., str]:
    """Run a command that must succeed in the folder; give what it prints."""

    def run(*arguments: str, **variables: str) -> str:
        done = provider(*arguments, cwd=folder, **variables)
        assert done.stderr == ""
        return done.stdout

    return run
