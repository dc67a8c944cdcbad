"""What a database says about itself: which tables it has, and why it refuses."""

from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from provider.database.sources import Source

_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"})
_LISTED = 40


def suggest_table(source: Source, table: str, schema: str | None, option: str) -> str:
    """Say where a table that was not found may be. `option` is how another schema is named: `--schema {}`."""
    try:
        schemas = [name for name in inspect(source.engine).get_schema_names() if name not in _SYSTEM_SCHEMAS]
    except SQLAlchemyError:
        schemas = []
    elsewhere = next((name for name in schemas[:_LISTED] if table in _tables(source, name)), None)
    if elsewhere:
        return f"It is in {option.format(elsewhere)}."
    return suggest(table, _tables(source, schema), "table")


def suggest(name: str, known: Sequence[str], what: str) -> str:
    """Say which name may be meant, or which there are. `what` is a table or a column."""
    folded = {it.casefold(): it for it in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    if not known:
        return f"There is no {what} it could be, or this user may not see any."
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"There are: {', '.join(known[:_LISTED])}{more}."


def error_reason(error: BaseException) -> str:
    """Give the driver's own reason in one line. It names hosts, users and columns, never passwords or values."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    cause = getattr(cause, "orig", None) or cause
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__


def _tables(source: Source, schema: str | None) -> list[str]:
    """List the tables and views of a schema; nothing when the database does not say."""
    try:
        inspector = inspect(source.engine)
        found = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if source.engine.dialect.name == "postgresql":
            found += inspector.get_materialized_view_names(schema)
    except SQLAlchemyError:
        return []
    return sorted(found)
