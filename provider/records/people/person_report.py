"""What the provider database holds of one person: finding it, and erasing it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, false, or_, select

from provider.contract.entities import DOCUMENTED
from provider.records.people.identifiers import CUSTOMER_ID, Person
from provider.records.people.payloads import erase_mention, find_mentions
from provider.store.entity_tables import TABLES, record_of
from provider.store.provider_database import empty_log
from provider.store.push_tables import CallbackResult, Sent

_RELATIONSHIPS = TABLES["customer-relationship"]
_NAMED_BY_KEY = (Sent, CallbackResult)

_Condition = Callable[[Table, Person], ColumnElement[bool]]


def identify(connection: Connection, given: Person) -> Person:
    """Give all identifiers of whom these are: the customers who have them, and those customers' phones and emails.

    With a customer id given, that customer is meant and nobody else. One step only: whoever shares a phone or an email
    that was merely found is another person.
    """
    known = replace(given, customers=given.customers or _values(connection, CUSTOMER_ID, _reached, given))
    return Person(
        phones=known.phones | _values(connection, "phone_key", _is_theirs, known),
        emails=known.emails | _values(connection, "email_key", _is_theirs, known),
        customers=known.customers,
    )


def holdings(connection: Connection, person: Person, *, region: str) -> dict[str, list[Any]]:
    """Give what is held of a person, by table: records, parts of payloads, keys of records that were sent."""
    held: dict[str, list[Any]] = defaultdict(list)
    for object_type, table in TABLES.items():
        rows = connection.execute(select(table).where(_held(connection, table, person, region)))
        held[table.name] += [record_of(DOCUMENTED[object_type], dict(row)) for row in rows.mappings()]
    for mention in find_mentions(connection, person, region=region):
        held[mention.table.__tablename__] += mention.parts
    for model in _NAMED_BY_KEY:
        keys = connection.scalars(select(model.ref_id).where(model.ref_id.in_(person.customers)))
        held[model.__tablename__] += [{"refId": key} for key in keys]
    return {name: found for name, found in held.items() if found}


def erase(engine: Engine, person: Person, *, region: str) -> dict[str, int]:
    """Erase what is held of a person, all of it or, when anything fails, nothing; give how much, by table."""
    gone: Counter[str] = Counter()
    with engine.begin() as connection:
        for table in TABLES.values():
            gone[table.name] = connection.execute(
                delete(table).where(_held(connection, table, person, region))
            ).rowcount
        for mention in list(find_mentions(connection, person, region=region)):
            erase_mention(connection, mention)
            gone[mention.table.__tablename__] += len(mention.parts)
        for model in _NAMED_BY_KEY:
            named = delete(model).where(model.ref_id.in_(person.customers))
            gone[model.__tablename__] = connection.execute(named).rowcount
    empty_log(engine)
    return {name: count for name, count in gone.items() if count}


def _reached(table: Table, person: Person) -> ColumnElement[bool]:
    """Make the condition for rows with one of a person's phones or emails."""
    sought = {"phone_key": person.phones, "email_key": person.emails}
    return or_(false(), *(table.c[name].in_(values) for name, values in sought.items() if name in table.c))


def _is_theirs(table: Table, person: Person) -> ColumnElement[bool]:
    """Make the condition for rows of a person.

    A row with another customer's id is that customer's, whatever phone or email stands in it.
    """
    if CUSTOMER_ID not in table.c:
        return _reached(table, person)
    customer = table.c[CUSTOMER_ID]
    return customer.in_(person.customers) | (customer.is_(None) & _reached(table, person))


def _values(connection: Connection, column: str, condition: _Condition, person: Person) -> frozenset[str]:
    """Collect what a column holds, in the rows of all tables that meet a condition."""
    found: set[str] = set()
    for table in TABLES.values():
        if column in table.c:
            chosen = select(table.c[column]).distinct().where(condition(table, person))
            found.update(value for value in connection.scalars(chosen) if value)
    return frozenset(found)


def _held(connection: Connection, table: Table, person: Person, region: str) -> ColumnElement[bool]:
    """Make the condition for rows that tell of a person: their own, and those in which they are the relative."""
    theirs = _is_theirs(table, person)
    return theirs | table.c.row_id.in_(_related(connection, person, region)) if table is _RELATIONSHIPS else theirs


def _related(connection: Connection, person: Person, region: str) -> list[int]:
    """Find the relationships in which the person is the relative; what is written there has no canonical form."""
    written = _RELATIONSHIPS.c.phone, _RELATIONSHIPS.c.email
    chosen = select(_RELATIONSHIPS.c.row_id, *written).where(or_(*(column.is_not(None) for column in written)))
    return [
        row.row_id
        for row in connection.execute(chosen.execution_options(yield_per=1000))
        if any(person.is_called(text, region=region) for text in (row.phone, row.email) if text)
    ]
