"""Writes the SQL that finds a person's rows in an entity's table through indexes, on every database.

A row is a person's when it has their phone, email or customer id, or when it belongs to a customer with that phone or
email. Each case is a separate select with its own index, because databases read the whole table for an OR.
"""

from collections.abc import Callable, Sequence
from functools import cache
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
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.selectable import NamedFromClause

from provider.contract.entities import DOCUMENTED
from provider.database.statements import Statement
from provider.dataset.base import Query
from provider.store.entity_tables import TABLES

PERSON = {"phone": "phone_key", "email": "email_key", "customerId": "customerId"}
"""The identifiers of a person in the order in which they are tried, each with its column."""

ROWS = {object_type: table.alias("t") for object_type, table in TABLES.items()}
"""The tables by objectType, under the alias that the selects use."""

_IDENTITY = "customer-identity"
_identities = TABLES[_IDENTITY].alias("i")


@cache
def prepare(dialect: type[DefaultDialect], write: Callable[..., Select[Any]], *arguments: Any) -> Statement:
    """Compile the select that `write` makes of the arguments, once in a process: that takes long."""
    return Statement(write(*arguments), dialect(dbapi=dialect.import_dbapi()))


def rows_of(object_type: str, identifier: str, columns: Sequence[str]) -> list[Select[Any]]:
    """Write the selects that together find a person's rows, each row once and without the deleted ones.

    The value is bound under the identifier's name.
    """
    rows, fields = ROWS[object_type], DOCUMENTED[object_type].person
    chosen = select(*(rows.c[name] for name in columns)).where(_is_active(rows))
    if identifier not in PERSON:
        return [chosen.where(equals(rows, identifier))]
    matches = equals(rows, identifier) if identifier in fields else None
    selects = [] if matches is None else [chosen.where(matches)]
    link = PERSON["customerId" if "customerId" in fields else next(iter(fields))]
    if PERSON[identifier] != link and object_type != _IDENTITY:
        same = and_(rows.c[link] == _identities.c[link], rows.c.internalCompanyId == _identities.c.internalCompanyId)
        through = chosen.select_from(_identities.join(rows, same))
        through = through.where(equals(_identities, identifier), _is_active(_identities))
        if matches is not None:
            through = through.where(or_(rows.c[PERSON[identifier]].is_(None), ~matches))
        selects.append(through)
    return selects


def equals(rows: FromClause, identifier: str) -> ColumnElement[bool]:
    """Compare the column of an identifier, or another column, with the value bound under its name."""
    matches: ColumnElement[bool] = rows.c[PERSON.get(identifier, identifier)] == bindparam(identifier, type_=String())
    return matches


def bind(query: Query, identifiers: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return those of the identifiers that a query has, and the values to bind by name."""
    values: dict[str, Any] = {**query.identifiers, **query.parameters}
    if query.phone is not None:
        values["phone"] = query.phone.e164
    if query.email is not None:
        values["email"] = query.email
    return tuple([identifier for identifier in identifiers if identifier in values]), values


def newest_first(rows: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Order rows from the newest; of two with the same time, the one that was stored later comes first."""
    return rows.c.newest_at.desc(), rows.c.row_id.desc()


def newest_of(rows: Select[Any], object_type: str) -> Select[Any]:
    """Keep only the newest row. The index that finds the rows is in this order."""
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
