"""What the tests of entities share: records, and the store they are put into."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert

from provider.auth.clients import Clients
from provider.contract.entities import DOCUMENTED
from provider.settings import Settings
from provider.store.entity_tables import TABLES, row_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
_clients = itertools.count()


def example(object_type: str, **others: Any) -> dict[str, Any]:
    """Make a record with every field of an entity, as Pango's page shows them; None takes a field out."""
    shown = {name: it.metadata["example"] for name, it in DOCUMENTED[object_type].fields.items()}
    shown["internalCompanyId"] = "C01"
    whole = {name: list(it) if isinstance(it, tuple) else it for name, it in shown.items()}
    return {name: value for name, value in {**whole, **others}.items() if value is not None}


@dataclass
class Store:
    """A provider database, and whoever asks the service over it."""

    settings: Settings
    engine: Engine
    clients: Clients
    client: FlaskClient
    touched: set[str] = field(default_factory=set)

    def put(self, object_type: str, *records: Mapping[str, Any], now: datetime = NOW) -> None:
        """Store records as an import does."""
        entity = DOCUMENTED[object_type]
        assert [entity.problems(sent) for sent in records] == [{}] * len(records)
        self.touched.add(object_type)
        with self.engine.begin() as connection:
            rows = [row_of(entity, sent, region=self.settings.phone_region, now=now) for sent in records]
            connection.execute(insert(TABLES[object_type]), rows)

    def ask(self, dataset: str, *, key: str | None = None, **sent: str) -> Any:
        """Ask by POST; give the data, or the code of the error."""
        headers = {"token-key": key} if key else None
        answer = self.client.post(f"/v1/data/{dataset}", json=sent, headers=headers).json
        return answer["data"] if answer["success"] else answer["errorCode"]

    def key(self, **chosen: Any) -> str:
        """Make a client; give its key."""
        return self.clients.create(f"pango{next(_clients)}", {}, **chosen).api_key


def only(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on some of the databases only."""
    return pytest.mark.parametrize("database", kinds, indirect=True, scope="session")
