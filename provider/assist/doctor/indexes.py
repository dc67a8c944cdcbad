"""Whether an index serves each lookup of a dataset, and which index is missing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from provider.assist.doctor.examination import Examination
from provider.assist.doctor.findings import OK, WARNING
from provider.assist.doctor.index_advice import advise_index
from provider.assist.doctor.queries import UNKNOWN_EMAIL, unknown_person, unknown_phone
from provider.assist.doctor.query_plans import LookupColumn, find_lookup_column, find_served
from provider.assist.doctor.view_columns import find_base_column
from provider.assist.inspection.catalogue import error_reason
from provider.dataset.base import Query
from provider.errors import SourceUnavailable, Timeout

_MANY_ROWS = 100
"""Rows of one person from which on an index had better cover the fixed conditions too."""


def check_indexes(examination: Examination) -> None:
    """Report whether an index serves the lookup by each identifier, and by phone and email together."""
    columns: dict[str, LookupColumn] = {}
    served: set[str] = set()
    for key in examination.identifiers:
        query, shown = unknown_person(examination.statement, key, region=examination.region)
        with _report_unexplained(examination, key):
            columns[key] = _lookup_column(examination, key, shown)
            served |= _served(examination, query, {key: columns[key]})
            if key in served:
                examination.findings.add(OK, "index", f"a lookup by {key} uses an index")
            else:
                _report_unserved(examination, key, columns[key])
    if {"phone", "email"} <= served:
        with _report_unexplained(examination, "phone and email"):
            _check_together(examination, {key: columns[key] for key in ("phone", "email")})


@contextmanager
def _report_unexplained(examination: Examination, parameters: str) -> Iterator[None]:
    """Report that the database did not explain a lookup, in place of its error."""
    try:
        yield
    except (SQLAlchemyError, examination.source.engine.dialect.loaded_dbapi.Error) as error:
        message = f"the lookup by {parameters} cannot be explained: {error_reason(error)}"
        examination.findings.add(WARNING, "index", message)


def _lookup_column(examination: Examination, key: str, shown: str) -> LookupColumn:
    stored = examination.identifiers[key]
    column = examination.chosen.columns.get(stored.name)
    base = None if column is None else find_base_column(examination.source, examination.chosen, column)
    through_view = base is not None and base.table != examination.table_name
    return find_lookup_column(examination.source, stored, base, shown, through_view=through_view)


def _served(examination: Examination, query: Query, columns: Mapping[str, LookupColumn]) -> set[str]:
    used, values = examination.statement.bind(query)
    return find_served(examination.source, examination.statement.prepared(used), values, columns)


def _report_unserved(examination: Examination, key: str, column: LookupColumn) -> None:
    if column.is_indexed:
        examination.findings.add(
            WARNING,
            "index",
            f"a lookup by {key} does not use the index its column has.",
            "Have the database's administrator bring its statistics up to date (ANALYZE).",
        )
        return
    advice, sql = advise_index(examination.source, column, _columns_to_cover(examination, key, column))
    message = f"no index serves a lookup by {key}: each one reads the whole table."
    examination.findings.add(WARNING, "index", message, advice, sql)


def _columns_to_cover(examination: Examination, key: str, column: LookupColumn) -> list[str]:
    """Name the columns of the fixed conditions, where one person has so many rows that the index had better cover them.

    Only conditions with one value count, and only of a table, not of a view.
    """
    fixed = [
        name
        for name, value in examination.rules.where.items()
        if value is not None and not isinstance(value, (list, tuple, set, frozenset))
    ]
    if not fixed or column.base is None or column.through_view:
        return []
    try:
        counted = examination.count_rows(key, examination.sampled_people(key), ())
    except (Timeout, SourceUnavailable):
        return []
    return fixed if max(counted.values(), default=0) >= _MANY_ROWS else []


def _check_together(examination: Examination, columns: Mapping[str, LookupColumn]) -> None:
    match = examination.rules.match
    served = _served(examination, Query(phone=unknown_phone(examination.region), email=UNKNOWN_EMAIL), columns)
    if served == set(columns) or (match == "all" and served):
        examination.findings.add(OK, "index", "a lookup by phone and email together uses them")
    else:
        examination.findings.add(
            WARNING,
            "index",
            "a lookup by phone and email together reads the whole table, though each has an index.",
            "Declare match='first': it looks by one after the other." if match != "first" else "",
        )
