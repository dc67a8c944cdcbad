"""Rows: a sample of a table, read only, in limited time, and the names of what there is."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from provider.database.sources import Source
from provider.database.statements import Statement

SAMPLE = 400
"""Rows looked at: enough to meet what is common, little enough to go unnoticed by the database."""

_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"})
_LISTED = 40


def sample(
    source: Source,
    chosen: FromClause,
    columns: Sequence[ColumnElement[Any]],
    *,
    where: Sequence[ColumnElement[bool]] = (),
    most: int = SAMPLE,
) -> tuple[Sequence[Any], list[Sequence[Any]]]:
    """Read some rows as the driver gives them; give the cursor's description and the rows.

    Half of them are the last by primary key, where there is one: what was written years ago tells little of today.
    SourceUnavailable, Timeout.
    """
    labelled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    some = select(*labelled).select_from(chosen).where(*where).limit(most)
    dialect = source.engine.dialect
    description, rows = source.fetch(Statement(some, dialect), {}, most)
    keys = list(chosen.primary_key) if isinstance(chosen, Table) else []
    if len(rows) < most or not keys:
        return description, list(rows)
    last = some.order_by(*[key.desc() for key in keys]).limit(most // 2)
    _, latest = source.fetch(Statement(last, dialect), {}, most // 2)
    return description, [*rows[: most - len(latest)], *latest]


def tables(source: Source, schema: str | None = None) -> list[str]:
    """List the tables and views of a schema; nothing when the database does not tell."""
    try:
        inspector = inspect(source.engine)
        found = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if source.engine.dialect.name == "postgresql":
            found += inspector.get_materialized_view_names(schema)
    except SQLAlchemyError:
        return []
    return sorted(found)


def schemas_with(source: Source, table: str) -> list[str]:
    """List the other schemas that have a table or a view of this name."""
    try:
        names = [name for name in inspect(source.engine).get_schema_names() if name not in _SYSTEM_SCHEMAS]
    except SQLAlchemyError:
        return []
    return [name for name in names[:_LISTED] if table in tables(source, name)]


def suggestion(name: str, known: Sequence[str], what: str) -> str:
    """Say which name may be meant, or which there are."""
    folded = {it.casefold(): it for it in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    if not known:
        return f"There is no {what} it could be, or this user may not see any."
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"There are: {', '.join(known[:_LISTED])}{more}."


def why(error: BaseException) -> str:
    """Give the driver's own reason in one line; it names hosts, users and columns, never passwords or values."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    cause = getattr(cause, "orig", None) or cause
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__
