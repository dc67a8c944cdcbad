"""Finding a person in JSON that waits or has died on its way: batches, dead letters, webhooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Executable, delete, literal, select, update

from provider.records.people.identifiers import CUSTOMER_ID, Person, canonical
from provider.store.push_tables import Batch, DeadLetter, Push, Webhook

_KINDS = (Batch, DeadLetter, Webhook)
_OF_TWO = (None, "customer-relationship")
"""What may tell of somebody beside the customer it names: webhooks, and records with a relative's phone and email."""

_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Mention:
    """A row whose payload names the person: the parts that do, and what is left, None when nothing is."""

    table: type[Batch | DeadLetter | Webhook]
    id: int
    parts: list[Any]
    left: list[Any] | None


def find_mentions(connection: Connection, person: Person, *, region: str) -> Iterator[Mention]:
    """Read all payloads. Where one is a list, each of its members is of somebody else.

    A record with another customer's id is that customer's, as in the entities' tables.
    """
    for table in _KINDS:
        for row in connection.execute(_chosen(table).execution_options(yield_per=_AT_A_TIME)):
            payload = _load(row.payload)
            members = payload if isinstance(payload, list) else [payload]
            owned = row.object_type not in _OF_TWO
            named = [
                not (owned and _is_anothers(member, person, region)) and names(member, person, region=region)
                for member in members
            ]
            if any(named):
                parts = [member for member, found in zip(members, named, strict=True) if found]
                left = [member for member, found in zip(members, named, strict=True) if not found]
                yield Mention(table, row.id, parts, left or None)


def erase_mention(connection: Connection, mention: Mention) -> None:
    """Take the person out of a payload; with nothing left, the row goes."""
    table = mention.table
    if mention.left is None:
        connection.execute(delete(table).where(table.id == mention.id))
        return
    left: dict[str, Any] = {"payload": orjson.dumps(mention.left)}
    if table is Batch:
        left["records"] = len(mention.left)
    connection.execute(update(table).where(table.id == mention.id).values(left))


def names(payload: Any, person: Person, *, region: str) -> bool:
    """Say whether JSON holds, at any depth, a phone or an email of the person, or their id under `customerId`."""
    waiting: list[tuple[str, Any]] = [("", payload)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((name, member) for member in value)
        elif isinstance(value, (str, int)) and _is_of(name, str(value), person, region):
            return True
    return False


def _chosen(table: type[Batch | DeadLetter | Webhook]) -> Executable:
    if issubclass(table, Webhook):
        return select(Webhook.id, Webhook.payload, literal(None).label("object_type"))
    return select(table.id, table.payload, Push.object_type).join(Push, Push.id == table.push_id)


def _is_anothers(record: Any, person: Person, region: str) -> bool:
    """Say whether a record that waits is another customer's, whatever phone or email stands in it."""
    customer = record.get(CUSTOMER_ID) if isinstance(record, dict) else None
    return (
        bool(person.customers)
        and isinstance(customer, str)
        and (known := canonical(CUSTOMER_ID, customer, region=region)) is not None
        and known not in person.customers
    )


def _is_of(name: str, text: str, person: Person, region: str) -> bool:
    if name == CUSTOMER_ID and canonical(CUSTOMER_ID, text, region=region) in person.customers:
        return True
    return person.is_called(text, region=region)


def _load(payload: bytes) -> Any:
    """Read JSON; None for what is none, as the payload of a webhook that is done with."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
