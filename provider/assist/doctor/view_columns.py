"""Finds the table's column behind a view's column: that column needs the index.

Plain views only: one SELECT that lists columns of tables, joined or not. For other views there is no answer.
"""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Inspector, Table, inspect
from sqlalchemy.exc import SQLAlchemyError

from provider.database.sources import Source

_NAME = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+|\*)'
_PATH = rf"{_NAME}(?:\.{_NAME})*"
_FLAGS = re.IGNORECASE | re.DOTALL
_VIEW = re.compile(
    r"(?:create\s[^(]*\((?P<names>[^)]*)\)\s*as\s+|.*?)"
    r"\bselect\s+(?P<items>.+?)\s+from\s+(?P<tables>.+?)(?:\s(?:where|order)\s.*)?[;\s]*",
    _FLAGS,
)
_ITEM = re.compile(rf"\s*(?P<column>{_PATH})(?:\s+(?:as\s+)?(?P<alias>{_NAME}))?\s*", _FLAGS)
_NO_ALIAS = r"(?:on|using|join|inner|left|right|full|cross|natural)\b"
_TABLE = re.compile(
    rf"(?:^|,|\bjoin\b)[\s(]*(?P<table>{_PATH})(?:\s+(?:as\s+)?(?!{_NO_ALIAS})(?P<alias>{_NAME}))?", _FLAGS
)
_NOT_PLAIN = re.compile(
    r"\b(?:union|except|intersect|distinct|group|having|window|over|limit|offset)\b|\b(select|from)\b.*\b\1\b", _FLAGS
)


@dataclass(frozen=True)
class BaseColumn:
    """A column of a table, which can have an index."""

    table: str
    schema: str | None
    column: str


def find_base_column(source: Source, chosen: FromClause, column: ColumnElement[Any]) -> BaseColumn | None:
    """Find the table's column behind a column of a table, a view or a selection; None when the view is not plain."""
    if not isinstance(chosen, Table):
        selected = [
            (it.table, it) for it in column.base_columns if isinstance(it, Column) and isinstance(it.table, Table)
        ]
        if len(selected) != 1:
            return None
        chosen, column = selected[0]
    try:
        return _find(inspect(source.engine), BaseColumn(chosen.name, chosen.schema, str(column.name)))
    except SQLAlchemyError:
        return None


def rename_column(expression: str, name: str, new_name: str) -> str:
    """Put another name for a column into an SQL expression. String literals in it stay as they are."""
    return re.sub(
        rf"'[^']*'|{_NAME}",
        lambda piece: new_name if piece[0].strip('"`[]').casefold() == name.casefold() else piece[0],
        expression,
    )


def _find(inspector: Inspector, column: BaseColumn) -> BaseColumn | None:
    found: BaseColumn | None = column
    if _is_view(inspector, column):
        found = _read_view(inspector.get_view_definition(column.table, column.schema) or "", column.column)
    if found is None or _is_view(inspector, found):
        return None
    for known in inspector.get_columns(found.table, found.schema):
        if known["name"].casefold() == found.column.casefold():
            return BaseColumn(found.table, found.schema, known["name"])
    return None


def _is_view(inspector: Inspector, column: BaseColumn) -> bool:
    """Whether it is a view's. A materialized view counts as a table: it can have an index."""
    return column.table in inspector.get_view_names(column.schema)


def _read_view(definition: str, column: str) -> BaseColumn | None:
    """Find what a view's column selects; None when it is computed, or when the view is not plain."""
    view = None if _NOT_PLAIN.search(definition) else _VIEW.fullmatch(definition)
    if view is None:
        return None
    items = view["items"].split(",")
    if view["names"]:
        items = [f"{item} AS {name}" for item, name in zip(items, view["names"].split(","), strict=False)]
    tables = [(_names(it["alias"] or it["table"])[-1], _names(it["table"])) for it in _TABLE.finditer(view["tables"])]
    columns = filter(None, map(_ITEM.fullmatch, items))
    for item in sorted(columns, key=lambda it: it["column"].endswith("*")):  # a column's own name counts first
        *path, selected = _names(item["column"])
        if selected == "*":
            selected = column
        name = _names(item["alias"])[0] if item["alias"] else selected
        if name.casefold() == column.casefold():
            meant = [table for alias, table in tables if not path or alias.casefold() == path[-1].casefold()]
            if len(meant) != 1:
                return None
            *schema, table = meant[0]
            return BaseColumn(table, schema[-1] if schema else None, selected)
    return None


def _names(path: str) -> list[str]:
    """Split a path such as shop."members" into its names, without their quotes."""
    return [name.strip('"`[]') for name in re.findall(_NAME, path)]
