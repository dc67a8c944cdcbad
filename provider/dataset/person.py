"""SQL that finds a person's rows in an entity's table, served by indexes on every database.

A row is a person's when it has their phone, email or customer id, or when it belongs to a customer with that phone or
email. Each case is a select of its own, with its own index: for an OR, databases read the whole table.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.selectable import NamedFromClause

from provider.contract.entities import DOCUMENTED
from provider.dataset.base import Query
from provider.store.entity_tables import TABLES

PERSON = {"phone": "phone_key", "email": "email_key", "customerId": "customerId"}
"""The identifiers of a person in the order in which they are tried, each with its column."""

ROWS = {object_type: table.alias("t") for object_type, table in TABLES.items()}
"""The tables by objectType, under the alias that the selects use."""

_IDENTITY = "customer-identity"
_identities = TABLES[_IDENTITY].alias("i")


def rows_of(object_type: str, identifier: str, columns: Sequence[str]) -> list[Select[Any]]:
    """Write the selects that together find a person's rows that are not deleted, each row once.

    The value is bound under the identifier's name.
    """
    rows, carried = ROWS[object_type], DOCUMENTED[object_type].person
    chosen = select(*(rows.c[name] for name in columns)).where(_is_active(rows))
    if identifier not in PERSON:
        return [chosen.where(equals(rows, identifier))]
    carries = equals(rows, identifier) if identifier in carried else None
    selects = [] if carries is None else [chosen.where(carries)]
    link = PERSON["customerId" if "customerId" in carried else next(iter(carried))]
    if PERSON[identifier] != link and object_type != _IDENTITY:
        same = and_(rows.c[link] == _identities.c[link], rows.c.internalCompanyId == _identities.c.internalCompanyId)
        through = chosen.select_from(_identities.join(rows, same))
        through = through.where(equals(_identities, identifier), _is_active(_identities))
        if carries is not None:
            through = through.where(or_(rows.c[PERSON[identifier]].is_(None), ~carries))
        selects.append(through)
    return selects


def equals(rows: FromClause, identifier: str) -> ColumnElement[bool]:
    """Compare the column of an identifier, or another column, with the value bound under its name."""
    matches: ColumnElement[bool] = rows.c[PERSON.get(identifier, identifier)] == bindparam(identifier, type_=String())
    return matches


def bind(query: Query, identifiers: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the identifiers that a query brings, in this order, and the values to bind, by name."""
    values: dict[str, Any] = {**query.identifiers, **query.parameters}
    if query.phone is not None:
        values["phone"] = query.phone.e164
    if query.email is not None:
        values["email"] = query.email
    return tuple([identifier for identifier in identifiers if identifier in values]), values


def newest_first(rows: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Order rows: the newest first; of two that are as new, the one stored later."""
    return rows.c.newest_at.desc(), rows.c.row_id.desc()


def newest_of(rows: Select[Any], object_type: str) -> Select[Any]:
    """Keep the newest row only; the index that finds the rows has them in this order."""
    return rows.order_by(*newest_first(ROWS[object_type])).limit(literal_column("1"))


def union_of(selects: Sequence[Select[Any]]) -> NamedFromClause:
    """Put the rows of several selects together."""
    if len(selects) == 1:
        return selects[0].subquery("found")
    # SQLite accepts a LIMIT inside a UNION only in a subquery.
    return union_all(*(select(rows.subquery()) for rows in selects)).subquery("found")


def _is_active(rows: FromClause) -> ColumnElement[bool]:
    status = rows.c.recordStatus
    return or_(status.is_(None), status != literal_column("'Deleted'"))
