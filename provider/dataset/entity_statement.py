"""Writes the SQL of a lookup in an entity's table."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Integer, Select, func, literal_column, select

from provider.database.statements import Statement
from provider.dataset.base import Query
from provider.dataset.person import ROWS, bind, equals, newest_first, newest_of, prepare, rows_of, union_of
from provider.store.entity_tables import TABLES


class EntityStatement:
    """The statements of lookups in an entity's table. `limit` is that of a list, 0 for a single record."""

    def __init__(
        self, dialect: Dialect, object_type: str, *, columns: Sequence[str], identifiers: Sequence[str], limit: int
    ) -> None:
        self.columns = [TABLES[object_type].c[name] for name in columns]
        self.most = limit or 1
        self._dialect: Any = type(dialect)
        self._object_type = object_type
        self._names = tuple(columns)
        self._identifiers = identifiers
        self._limit = limit
        for identifier in identifiers:
            self._prepared((identifier,), ())

    def for_query(self, query: Query) -> tuple[Statement, Mapping[str, Any]]:
        """Return the statement that a query asks for and the values to bind."""
        used, values = bind(query, self._identifiers)
        return self._prepared(used, tuple(query.parameters)), values

    def for_check(self) -> tuple[Statement, Mapping[str, Any]]:
        """Return the statement by phone and email, which Pango sends together, and values that find nobody."""
        return self._prepared(("phone", "email"), ()), {"phone": None, "email": None}

    def _prepared(self, used: tuple[str, ...], narrowed_by: tuple[str, ...]) -> Statement:
        return prepare(self._dialect, write_select, self._object_type, self._names, used, narrowed_by, self._limit)


def write_select(
    object_type: str, columns: Sequence[str], used: Sequence[str], narrowed_by: Sequence[str], limit: int
) -> Select[Any]:
    """Write the statement. The fields named in `narrowed_by` must have the values that were sent for them.

    Each identifier has its own selects, so that its own index serves it. Where there are several selects, they find
    the keys of the rows, and only the rows of the answer are read.
    """
    rows, table = ROWS[object_type], TABLES[object_type]
    branches = [
        rows_found.where(*(equals(rows, name) for name in narrowed_by)).add_columns(
            literal_column(str(precedence), Integer).label("precedence")
        )
        for precedence, identifier in enumerate(used)
        for rows_found in rows_of(object_type, identifier, ["newest_at", "row_id"])
    ]
    if not limit:
        branches = [newest_of(branch, object_type) for branch in branches]
        if len(branches) == 1:
            return branches[0].with_only_columns(*(rows.c[name] for name in columns))
    found = union_of(branches)
    total = [func.count().over(partition_by=found.c.precedence).label("total")] if limit else []
    newest = (
        select(*found.c, *total)
        .order_by(found.c.precedence, *newest_first(found))
        .limit(literal_column(str(limit or 1)))
        .subquery("newest")
    )
    # An outer join, since for an inner one MariaDB might read the table first.
    joined = newest.outerjoin(table, table.c.row_id == newest.c.row_id)
    chosen = select(*(table.c[name] for name in columns)).select_from(joined)
    if limit:
        chosen = chosen.add_columns(newest.c.total, newest.c.precedence)
        chosen = chosen.order_by(newest.c.precedence, *newest_first(newest))
    return chosen
