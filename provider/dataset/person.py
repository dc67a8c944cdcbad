"""Which rows of an entity's table are a person's, as SQL that indexes serve on every database.

A row is a person's when it carries their phone, email or customer id itself, or when it belongs to a customer with that
phone or email. That is a matter of two selects, each with an index of its own: for an OR, databases read the table.
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
"""The identifiers of a person, in the order in which they count, and the columns that hold them."""

ROWS = {object_type: table.alias("t") for object_type, table in TABLES.items()}
"""The tables to find rows in, by objectType."""

_IDENTITY = "customer-identity"
_identities = TABLES[_IDENTITY].alias("i")


def rows_of(object_type: str, identifier: str, columns: Sequence[str]) -> list[Select[Any]]:
    """Give the selects that find a person's rows, those that are not deleted, no row twice.

    The value is bound under the identifier's name.
    """
    rows, carried = ROWS[object_type], DOCUMENTED[object_type].person
    chosen = select(*(rows.c[name] for name in columns)).where(_is_active(rows))
    if identifier not in PERSON:
        return [chosen.where(equals(rows, identifier))]
    carries = equals(rows, identifier) if identifier in carried else None
    ways = [] if carries is None else [chosen.where(carries)]
    link = PERSON["customerId" if "customerId" in carried else next(iter(carried))]
    if PERSON[identifier] != link and object_type != _IDENTITY:
        same = and_(rows.c[link] == _identities.c[link], rows.c.internalCompanyId == _identities.c.internalCompanyId)
        through = chosen.select_from(_identities.join(rows, same))
        through = through.where(equals(_identities, identifier), _is_active(_identities))
        if carries is not None:
            through = through.where(or_(rows.c[PERSON[identifier]].is_(None), ~carries))
        ways.append(through)
    return ways


def equals(rows: FromClause, identifier: str) -> ColumnElement[bool]:
    """Compare an identifier, or another field, with the value bound under its name."""
    matches: ColumnElement[bool] = rows.c[PERSON.get(identifier, identifier)] == bindparam(identifier, type_=String())
    return matches


def bind(query: Query, identifiers: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Give the identifiers that a query brings, in this order, and the values to bind, by name."""
    values: dict[str, Any] = {**query.identifiers, **query.parameters}
    if query.phone is not None:
        values["phone"] = query.phone.e164
    if query.email is not None:
        values["email"] = query.email
    return tuple([identifier for identifier in identifiers if identifier in values]), values


def newest_first(rows: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Order rows: the newest first, of equally new ones the one that was stored last."""
    return rows.c.newest_at.desc(), rows.c.row_id.desc()


def newest_of(way: Select[Any], object_type: str) -> Select[Any]:
    """Find the newest row only, which the same index knows."""
    return way.order_by(*newest_first(ROWS[object_type])).limit(literal_column("1"))


def together(ways: Sequence[Select[Any]]) -> NamedFromClause:
    """Join what several selects find."""
    if len(ways) == 1:
        return ways[0].subquery("found")
    # SQLite takes a LIMIT inside a UNION in this way only.
    return union_all(*(select(way.subquery()) for way in ways)).subquery("found")


def _is_active(rows: FromClause) -> ColumnElement[bool]:
    status = rows.c.recordStatus
    return or_(status.is_(None), status != literal_column("'Deleted'"))
