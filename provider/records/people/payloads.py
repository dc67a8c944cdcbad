"""Finds a person in stored JSON: batches that wait, dead letters and webhooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Executable, delete, literal, select, update

from provider.records.people.identifiers import CUSTOMER_ID, Person, canonical_identifier
from provider.store.push_tables import Batch, DeadLetter, Push, Webhook

_TABLES = (Batch, DeadLetter, Webhook)
_ABOUT_TWO_PEOPLE = (None, "customer-relationship")
"""Payloads that may hold a second person's phone or email: webhooks (None), and records of a relative."""

_ROWS_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Mention:
    """A row whose payload mentions the person: the parts that do, and the rest, None when there is none."""

    table: type[Batch | DeadLetter | Webhook]
    id: int
    parts: list[Any]
    rest: list[Any] | None


def find_mentions(connection: Connection, person: Person, *, region: str) -> Iterator[Mention]:
    """Read all payloads and yield those that mention the person. Each member of a list is checked by itself.

    A record with another customer's id belongs to that customer, as in the tables of the entities.
    """
    for table in _TABLES:
        for row in connection.execute(_select_payloads(table).execution_options(yield_per=_ROWS_AT_A_TIME)):
            payload = _parse(row.payload)
            members = payload if isinstance(payload, list) else [payload]
            single = row.object_type not in _ABOUT_TWO_PEOPLE
            mentioned = [
                not (single and _belongs_to_other(member, person, region))
                and mentions_person(member, person, region=region)
                for member in members
            ]
            if any(mentioned):
                parts = [member for member, found in zip(members, mentioned, strict=True) if found]
                rest = [member for member, found in zip(members, mentioned, strict=True) if not found]
                yield Mention(table, row.id, parts, rest or None)


def erase_mention(connection: Connection, mention: Mention) -> None:
    """Remove the person from a payload; delete the row when nothing remains."""
    table = mention.table
    if mention.rest is None:
        connection.execute(delete(table).where(table.id == mention.id))
        return
    values: dict[str, Any] = {"payload": orjson.dumps(mention.rest)}
    if table is Batch:
        values["records"] = len(mention.rest)
    connection.execute(update(table).where(table.id == mention.id).values(values))


def mentions_person(payload: Any, person: Person, *, region: str) -> bool:
    """Say whether JSON holds a phone or an email of the person at any depth, or their id under `customerId`."""
    waiting: list[tuple[str, Any]] = [("", payload)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((name, member) for member in value)
        elif isinstance(value, (str, int)) and _identifies(name, str(value), person, region):
            return True
    return False


def _select_payloads(table: type[Batch | DeadLetter | Webhook]) -> Executable:
    if issubclass(table, Webhook):
        return select(Webhook.id, Webhook.payload, literal(None).label("object_type"))
    return select(table.id, table.payload, Push.object_type).join(Push, Push.id == table.push_id)


def _belongs_to_other(record: Any, person: Person, region: str) -> bool:
    """Say whether a record has another customer's id, whatever phone and email it has."""
    customer = record.get(CUSTOMER_ID) if isinstance(record, dict) else None
    return (
        bool(person.customers)
        and isinstance(customer, str)
        and (known := canonical_identifier(CUSTOMER_ID, customer, region=region)) is not None
        and known not in person.customers
    )


def _identifies(name: str, text: str, person: Person, region: str) -> bool:
    if name == CUSTOMER_ID and canonical_identifier(CUSTOMER_ID, text, region=region) in person.customers:
        return True
    return person.matches(text, region=region)


def _parse(payload: bytes) -> Any:
    """Parse JSON; None when it is none, like the emptied payload of a finished webhook."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
