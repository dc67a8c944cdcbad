"""Whether an index serves a lookup, by the database's own plan of the query."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Inspector, inspect

from provider.assist.doctor.view_columns import BaseColumn
from provider.database.sources import Source
from provider.database.statements import Statement
from provider.dataset.columns import Column


@dataclass(frozen=True)
class LookupColumn:
    """The column a lookup compares an identifier with.

    `stored` is the dataset's declaration, `base` the table's own column, None when it is unknown. `shown` is the
    part of the value looked for that a plan shows.
    """

    stored: Column
    base: BaseColumn | None
    shown: str
    is_indexed: bool = False
    """An index or the primary key begins with the column, and the lookup compares the column as it is."""

    through_view: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether the lookup compares the column as it is, without an expression or lower()."""
        return self.stored.expression is None and not self.stored.case_insensitive


def find_lookup_column(
    source: Source, stored: Column, base: BaseColumn | None, shown: str, *, through_view: bool = False
) -> LookupColumn:
    """Look up whether an identifier's column has an index. Raises what SQLAlchemy raises."""
    column = LookupColumn(stored, base, shown, through_view=through_view)
    if base is None or not column.is_plain:
        return column
    return replace(column, is_indexed=base.column in _first_columns(inspect(source.engine), base))


def _first_columns(inspector: Inspector, base: BaseColumn) -> set[str | None]:
    """Name the columns that a table's indexes and keys begin with. An index over a part of the rows does not count."""
    keys: list[Sequence[str | None]] = [
        inspector.get_pk_constraint(base.table, base.schema)["constrained_columns"],
        *(it["column_names"] for it in inspector.get_unique_constraints(base.table, base.schema)),
    ]
    keys += [
        it["column_names"]
        for it in inspector.get_indexes(base.table, base.schema)
        if not any("where" in str(option) for option in it.get("dialect_options", {}))
    ]
    return {names[0] for names in keys if names}


def find_served(
    source: Source, statement: Statement, values: Mapping[str, Any], columns: Mapping[str, LookupColumn]
) -> set[str]:
    """Ask the database how it would run a lookup; give the identifiers, out of `columns`, that an index serves.

    SQL Server and Oracle: an index that begins with the column counts, as their plans are not read. Raises what the
    driver raises.
    """
    read_plan = _READERS.get(source.engine.dialect.name)
    if read_plan is None:
        return {key for key, it in columns.items() if it.is_indexed}
    arranged = statement.arrange(values)
    with source.engine.connect() as connection:
        return read_plan(
            connection, statement.sql, arranged if isinstance(arranged, dict) else tuple(arranged), columns
        )


def _served_by_sqlite(connection: Connection, sql: str, values: Any, columns: Mapping[str, LookupColumn]) -> set[str]:
    steps = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    subqueries = {step.split()[1] for step in steps if step.startswith(("CO-ROUTINE", "MATERIALIZE"))}
    scanned = [step.split()[1] for step in steps if step.startswith("SCAN")]
    reads_all = any("AUTOMATIC" in step for step in steps) or any(
        name not in subqueries and not name.startswith(("(", "CONST")) for name in scanned
    )
    searches = "\n".join(step for step in steps if step.startswith("SEARCH"))

    def is_served(column: LookupColumn) -> bool:
        if not column.is_plain:
            return "<expr>=?" in searches
        if column.base is None:
            return bool(searches) and not reads_all
        is_searched = re.search(rf"[( ]{re.escape(column.base.column)}=\?", searches, re.IGNORECASE)
        return is_searched is not None or (column.is_indexed and not reads_all)

    return {key for key, it in columns.items() if is_served(it)}


def _served_by_postgresql(
    connection: Connection, sql: str, values: Any, columns: Mapping[str, LookupColumn]
) -> set[str]:
    # PostgreSQL reads a small table whole even if an index serves. Without sequential scans it shows the index.
    connection.exec_driver_sql("SET enable_seqscan = off")
    try:
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).scalar_one()
    finally:
        connection.exec_driver_sql("RESET enable_seqscan")
    nodes = list(_nodes(plan[0]["Plan"]))
    reads_all = any(node["Node Type"] in ("Seq Scan", "Foreign Scan") for node in nodes)
    conditions = [str(node.get("Index Cond", "")) for node in nodes]
    return {
        key
        for key, it in columns.items()
        if any(it.shown in condition for condition in conditions) or (it.is_indexed and not reads_all)
    }


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _served_by_mysql(connection: Connection, sql: str, values: Any, columns: Mapping[str, LookupColumn]) -> set[str]:
    steps = [dict(row) for row in connection.exec_driver_sql(f"EXPLAIN {sql}", values).mappings()]
    tables = [step for step in steps if step["table"] and not str(step["table"]).startswith("<")]
    # MySQL reads a small table whole even if an index serves. It still names the possible keys.
    if any(step["type"] in ("ALL", "index") and not step["possible_keys"] for step in tables):
        return set()
    # The plan does not say which condition a key serves, so the catalogue decides where it can.
    by_plan = any(step["possible_keys"] or step["key"] for step in tables)
    return {key for key, it in columns.items() if it.is_indexed or (by_plan and not (it.base and it.is_plain))}


_READERS = {
    "sqlite": _served_by_sqlite,
    "postgresql": _served_by_postgresql,
    "mysql": _served_by_mysql,
    "mariadb": _served_by_mysql,
}
