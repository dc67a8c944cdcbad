"""The real server, started once for all tests that only send requests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Server, fill, open_clients

FAULTY = '''\
"""A dataset that quotes what it was asked in its errors."""

from marshmallow import Schema, fields

from provider.dataset import Dataset


class Record(Schema):
    code = fields.String()


def fetch(query):
    try:
        raise LookupError(f"nothing for {query.phone} {query.email}")
    except LookupError as error:
        raise RuntimeError(f"failed for {query.phone.national} and {query.email}") from error


dataset = Dataset(name="faulty", record=Record, fetch=fetch)
'''


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path, sample_data: str) -> Path:
    """Fill a working folder whose package of datasets has the sample's and one that fails."""
    folder = fill(tmp_path_factory.mktemp("server"), migrated_database, sample_data)
    package = folder / "served"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "voucher.py").write_text("from provider.datasets.voucher import dataset\n")
    (package / "faulty.py").write_text(FAULTY)
    return folder


@pytest.fixture(scope="session")
def server(server_folder: Path) -> Iterator[Server]:
    """Start the server over that folder."""
    server = Server(server_folder, PROVIDER_DATASETS="served")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def key(server_folder: Path) -> str:
    """Issue a key to ask the server with."""
    with open_clients(server_folder) as clients:
        return clients.create("pango", {}).api_key
