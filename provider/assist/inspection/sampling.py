"""A sample of a table's rows: read only, in limited time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, select

from provider.database.sources import Source
from provider.database.statements import Statement

SAMPLE = 400
"""Rows in a sample: enough to meet what is common, few enough not to burden the database."""


def sample(
    source: Source,
    chosen: FromClause,
    columns: Sequence[ColumnElement[Any]],
    *,
    where: Sequence[ColumnElement[bool]] = (),
    most: int = SAMPLE,
) -> tuple[Sequence[Any], list[Sequence[Any]]]:
    """Read at most `most` rows as the driver gives them; give the cursor's description and the rows.

    Half of them are the last by primary key, where there is one: the oldest rows may be unlike today's.
    Raises SourceUnavailable and Timeout.
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
