"""Customers with a record of each entity, and provider databases to put them into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine, delete, insert, select
from support import NOON

from provider.contract.entities import DOCUMENTED
from provider.records.people.identifiers import CUSTOMER_ID, EMAIL, PHONE, Person
from provider.store.entity_tables import TABLES, row_of
from provider.store.push_tables import Batch, CallbackResult, DeadLetter, Push, Sent, Webhook
from provider.store.schema import metadata


@dataclass(frozen=True)
class Customer:
    """Somebody of whom the sender knows a phone, an email and a customer id."""

    phone: str
    email: str
    id: str

    @property
    def person(self) -> Person:
        """All identifiers, in canonical form."""
        return Person(frozenset({f"+84{self.phone[1:]}"}), frozenset({self.email}), frozenset({self.id}))

    def record(self, object_type: str, **changes: Any) -> dict[str, Any]:
        """Make a record of an entity with all its fields, of this customer."""
        entity = DOCUMENTED[object_type]
        shown = {name: field.metadata["example"] for name, field in entity.fields.items()}
        own = {field: {PHONE: self.phone, EMAIL: self.email, CUSTOMER_ID: self.id}[kind]
               for kind, field in entity.person.items()}  # fmt: skip
        keys = {name: f"{shown[name]}-{self.id}" for name in entity.key if name not in own and name != "addressType"}
        return {name: value for name, value in shown.items() if value is not None} | keys | own | changes

    def records(self) -> dict[str, dict[str, Any]]:
        """Make a record of each of the twelve entities; the relative is nobody else's."""
        relative = {"phone": f"07{self.phone[2:]}", "email": f"relative.of.{self.id.lower()}@example.com"}
        changes = {"customer-relationship": relative}
        return {name: self.record(name, **changes.get(name, {})) for name in DOCUMENTED}


LAN = Customer("0912345678", "lan@example.com", "C-LAN")
HUNG = Customer("0987654321", "hung@example.com", "C-HUNG")


class Book:
    """A provider database, filled and read by hand."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
            connection.execute(
                insert(Push).values(
                        id="P1", object_type="customer-identity", origin={}, request={}, position=0,
                        accepted=0, dead=0, requests=0, created_at=NOON,
                    )
                )  # fmt: skip

    def store(self, object_type: str, record: Mapping[str, Any]) -> None:
        """Store a record as an import does."""
        assert DOCUMENTED[object_type].problems(record) == {}
        row = row_of(DOCUMENTED[object_type], record, region="VN", now=NOON)
        with self.engine.begin() as connection:
            connection.execute(insert(TABLES[object_type]), row)

    def store_all(self, customer: Customer) -> dict[str, dict[str, Any]]:
        """Store one record of each entity."""
        records = customer.records()
        for object_type, record in records.items():
            self.store(object_type, record)
        return records

    def add_batch(self, *entries: Any) -> None:
        """Put a batch into the outbox."""
        self._add(Batch, push_id="P1", records=len(entries), payload=orjson.dumps(entries), attempts=0, due_at=0.0,
                  leased_until=0.0)  # fmt: skip

    def add_dead_letter(self, entry: Any) -> None:
        """Keep a dead letter."""
        self._add(DeadLetter, push_id="P1", payload=orjson.dumps(entry), message="refused", died_at=NOON)

    def add_webhook(self, payload: bytes) -> None:
        """Keep a call of a webhook."""
        self._add(Webhook, name="orders", client="pango", payload=payload, state="waiting", attempts=0, due_at=0.0,
                  leased_until=0.0, received_at=NOON)  # fmt: skip

    def add_sent_record(self, ref_id: str) -> None:
        """Keep that a record was sent, and what Pango said of it."""
        self._add(Sent, push_id="P1", ref_id=ref_id)
        self._add(CallbackResult, ref_id=ref_id, status=1, received_at=NOON)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Give every row of every table that has any."""
        with self.engine.connect() as connection:
            read = {name: connection.execute(select(table)).mappings().all() for name, table in metadata.tables.items()}
        return {name: sorted(map(dict, rows), key=str) for name, rows in read.items() if rows}

    def _add(self, model: type[Any], **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(model).values(**values))
