"""Stored: the one statement of a lookup in an entity's table, and the records made of what it finds."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, func, literal_column, select
from sqlalchemy.engine.default import DefaultDialect

from provider.contract.entities import Entity
from provider.contract.entities.fields import CustomFields
from provider.database.sources import Source
from provider.database.statements import Statement
from provider.dataset.base import Found, Query
from provider.dataset.conversion import driver_conversion
from provider.dataset.person import ROWS, equals, newest_first, newest_of, rows_of, together, values_of
from provider.store.entity_tables import TABLES


class Stored:
    """The lookups in the table of an entity. `limit` is that of a list, 0 for a single record."""

    def __init__(
        self, source: Source, entity: Entity, *, columns: Sequence[str], identifiers: Sequence[str], limit: int
    ) -> None:
        self._source = source
        self._object_type = entity.object_type
        self._columns = tuple(columns)
        self._identifiers = identifiers
        self._limit = limit
        dialect = source.engine.dialect
        kinds = TABLES[entity.object_type].c
        self._kind: Any = type(dialect)
        self._fields = [(name, driver_conversion(kinds[name].type, dialect, None)) for name in columns]
        self._maps = [name for name in columns if isinstance(entity.fields[name], CustomFields)]
        for identifier in identifiers:
            self._statement((identifier,), ())
        # Phone and email come together in nearly every call of Pango's.
        source.check(self._statement(("phone", "email"), ()), {"phone": None, "email": None})

    def __call__(self, query: Query) -> Found | None:
        """Find what a query asks for; SourceUnavailable, Timeout."""
        values = values_of(query)
        used = tuple([identifier for identifier in self._identifiers if identifier in values])
        _, rows = self._source.fetch(self._statement(used, tuple(query.parameters)), values, self._limit or 1)
        if not rows:
            return None
        if not self._limit:
            return self._record(rows[0])
        first = [row for row in rows if row[-1] == rows[0][-1]]
        return {"total": first[0][-2], "items": [self._record(row) for row in first]}

    def _statement(self, used: tuple[str, ...], among: tuple[str, ...]) -> Statement:
        return prepared(self._kind, self._object_type, self._columns, used, among, self._limit)

    def _record(self, row: Sequence[Any]) -> Found:
        """Make a record of a row without what is blank; members of the maps of custom fields become fields."""
        record: Found = {
            name: convert(value) if convert else value
            for (name, convert), value in zip(self._fields, row, strict=False)
            if value is not None and value != ""
        }
        for name in self._maps:
            members = record.pop(name, {})
            record |= {member: value for member, value in members.items() if value is not None and value != ""}
        return record


@cache
def prepared(
    kind: type[DefaultDialect],
    object_type: str,
    columns: tuple[str, ...],
    used: tuple[str, ...],
    among: tuple[str, ...],
    limit: int,
) -> Statement:
    """Prepare a statement, once in a process: it takes longer than all else at the start."""
    chosen = _select(object_type, columns, used, among=among, limit=limit)
    return Statement(chosen, kind(dbapi=kind.import_dbapi()))


def _select(
    object_type: str, columns: Sequence[str], used: Sequence[str], *, among: Sequence[str], limit: int
) -> Select[Any]:
    """Write the statement. `among` are fields that narrow the lookup.

    Each identifier has branches of its own, so that each is served by its own index. Where there are several, they find
    the rows, and those that are answered are read then.
    """
    rows, table = ROWS[object_type], TABLES[object_type]
    branches = [
        way.where(*(equals(rows, name) for name in among)).add_columns(
            literal_column(str(precedence), Integer).label("precedence")
        )
        for precedence, identifier in enumerate(used)
        for way in rows_of(object_type, identifier, ["newest_at", "row_id"])
    ]
    if not limit:
        branches = [newest_of(branch, object_type) for branch in branches]
        if len(branches) == 1:
            return branches[0].with_only_columns(*(rows.c[name] for name in columns))
    found = together(branches)
    total = [func.count().over(partition_by=found.c.precedence).label("total")] if limit else []
    newest = (
        select(*found.c, *total)
        .order_by(found.c.precedence, *newest_first(found))
        .limit(literal_column(str(limit or 1)))
        .subquery("newest")
    )
    # An outer join keeps the order of things: MariaDB might read the table first.
    joined = newest.outerjoin(table, table.c.row_id == newest.c.row_id)
    chosen = select(*(table.c[name] for name in columns)).select_from(joined)
    if limit:
        chosen = chosen.add_columns(newest.c.total, newest.c.precedence)
        chosen = chosen.order_by(newest.c.precedence, *newest_first(newest))
    return chosen
