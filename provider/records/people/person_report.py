"""Finds and erases everything that the provider database holds about one person."""

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
_BY_REF_ID = (Sent, CallbackResult)

_Condition = Callable[[Table, Person], ColumnElement[bool]]


def find_person(connection: Connection, given: Person) -> Person:
    """Find all identifiers of a person: the customers with the given ones, then those customers' phones and emails.

    A given customer id means that customer only. The search ends there: somebody who shares a phone or an email that
    was found, but not given, is another person.
    """
    known = replace(given, customers=given.customers or _collect_values(connection, CUSTOMER_ID, _has_contact, given))
    return Person(
        phones=known.phones | _collect_values(connection, "phone_key", _belongs_to, known),
        emails=known.emails | _collect_values(connection, "email_key", _belongs_to, known),
        customers=known.customers,
    )


def report_person(connection: Connection, person: Person, *, region: str) -> dict[str, list[Any]]:
    """Report what is held about a person, by table: records, parts of payloads, keys of records that were sent."""
    held: dict[str, list[Any]] = defaultdict(list)
    for object_type, table in TABLES.items():
        rows = connection.execute(select(table).where(_is_about(connection, table, person, region)))
        held[table.name] += [record_of(DOCUMENTED[object_type], dict(row)) for row in rows.mappings()]
    for mention in find_mentions(connection, person, region=region):
        held[mention.table.__tablename__] += mention.parts
    for model in _BY_REF_ID:
        keys = connection.scalars(select(model.ref_id).where(model.ref_id.in_(person.customers)))
        held[model.__tablename__] += [{"refId": key} for key in keys]
    return {name: found for name, found in held.items() if found}


def erase_person(engine: Engine, person: Person, *, region: str) -> dict[str, int]:
    """Erase everything held about a person in one transaction; return the number of deleted parts by table."""
    gone: Counter[str] = Counter()
    with engine.begin() as connection:
        for table in TABLES.values():
            gone[table.name] = connection.execute(
                delete(table).where(_is_about(connection, table, person, region))
            ).rowcount
        for mention in list(find_mentions(connection, person, region=region)):
            erase_mention(connection, mention)
            gone[mention.table.__tablename__] += len(mention.parts)
        for model in _BY_REF_ID:
            named = delete(model).where(model.ref_id.in_(person.customers))
            gone[model.__tablename__] = connection.execute(named).rowcount
    empty_log(engine)
    return {name: count for name, count in gone.items() if count}


def _has_contact(table: Table, person: Person) -> ColumnElement[bool]:
    """Make the condition for rows that have a phone or an email of the person."""
    sought = {"phone_key": person.phones, "email_key": person.emails}
    return or_(false(), *(table.c[name].in_(values) for name, values in sought.items() if name in table.c))


def _belongs_to(table: Table, person: Person) -> ColumnElement[bool]:
    """Make the condition for rows that belong to the person.

    A row with another customer's id belongs to that customer, whatever phone or email it has.
    """
    if CUSTOMER_ID not in table.c:
        return _has_contact(table, person)
    customer = table.c[CUSTOMER_ID]
    return customer.in_(person.customers) | (customer.is_(None) & _has_contact(table, person))


def _collect_values(connection: Connection, column: str, condition: _Condition, person: Person) -> frozenset[str]:
    """Collect the values of a column from all tables, in the rows that meet a condition."""
    found: set[str] = set()
    for table in TABLES.values():
        if column in table.c:
            chosen = select(table.c[column]).distinct().where(condition(table, person))
            found.update(value for value in connection.scalars(chosen) if value)
    return frozenset(found)


def _is_about(connection: Connection, table: Table, person: Person, region: str) -> ColumnElement[bool]:
    """Make the condition for rows about the person: their own, and relationships in which they are the relative."""
    own = _belongs_to(table, person)
    if table is not _RELATIONSHIPS:
        return own
    return own | table.c.row_id.in_(_find_relationships(connection, person, region))


def _find_relationships(connection: Connection, person: Person, region: str) -> list[int]:
    """Find the relationships in which the person is the relative. Their phones and emails are not canonical."""
    written = _RELATIONSHIPS.c.phone, _RELATIONSHIPS.c.email
    chosen = select(_RELATIONSHIPS.c.row_id, *written).where(or_(*(column.is_not(None) for column in written)))
    return [
        row.row_id
        for row in connection.execute(chosen.execution_options(yield_per=1000))
        if any(person.matches(text, region=region) for text in (row.phone, row.email) if text)
    ]
