"""Lineage: which table's column a view's column is, as far as the view's own text tells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import ColumnElement, FromClause, Inspector, Table, inspect
from sqlalchemy.exc import SQLAlchemyError

from provider.database.sources import Source

_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|\S""")
_END_OF_FROM = frozenset(
    {"where", "group", "order", "having", "limit", "union", "window", "with", "except", "intersect"}
)
_NO_ALIAS = frozenset(
    {"on", "join", "inner", "left", "right", "full", "cross", "natural", "using", "outer", "straight"}
)
_COMPUTED = frozenset({"union", "group", "distinct", "having", "except", "intersect", "limit", "window", "over"})
_DEEPEST = 4


@dataclass(frozen=True)
class Origin:
    """A column of a real table, which an index can be made on."""

    table: str
    schema: str | None
    column: str


def origin(source: Source, chosen: FromClause, column: ColumnElement[Any]) -> Origin | None:
    """Find the table's column behind a column of a table, a view or a selection; None when it cannot be told."""
    if not isinstance(chosen, Table):
        found = [it for it in column.base_columns if isinstance(it, TableColumn) and isinstance(it.table, Table)]
        if len(found) != 1 or not isinstance(found[0].table, Table):
            return None
        chosen, column = found[0].table, found[0]
    try:
        return _origin(inspect(source.engine), chosen.name, chosen.schema, str(column.name), _DEEPEST)
    except SQLAlchemyError:
        return None


def rename(expression: str, name: str, own: str) -> str:
    """Put another name for a column into an expression, its text left alone."""
    return _PIECE.sub(
        lambda piece: own if piece[0][:1] != "'" and _plain(piece[0]).casefold() == name.casefold() else piece[0],
        expression,
    )


def is_view(inspector: Inspector, table: str, schema: str | None) -> bool:
    """Tell a view from a table. A materialized view counts as a table: it takes an index."""
    return table in inspector.get_view_names(schema)


def _origin(inspector: Inspector, table: str, schema: str | None, column: str, depth: int) -> Origin | None:
    if not is_view(inspector, table, schema):
        known = [it["name"] for it in inspector.get_columns(table, schema)]
        actual = next((name for name in known if name.casefold() == column.casefold()), None)
        return Origin(table, schema, actual) if actual else None
    if depth == 0:
        return None
    below = _below(inspector, inspector.get_view_definition(table, schema) or "", column)
    if below is None:
        return None
    return _origin(inspector, below.table, below.schema or schema, below.column, depth - 1)


def _below(inspector: Inspector, definition: str, column: str) -> Origin | None:
    """Read a view's text: the item of its list that makes a column, and the table that item names."""
    pieces = _PIECE.findall(definition.rstrip("; \n"))
    low = [piece.lower() for piece in pieces]
    if "select" not in low or _COMPUTED.intersection(low):
        return None
    start = low.index("select") + 1
    end = next((at for at in range(start, len(low)) if low[at] == "from" and _depth(pieces, start, at) == 0), None)
    if end is None:
        return None
    item = _item(_split(pieces[start:end]), _names_given(pieces[: start - 1]), column)
    if item is None:
        return None
    *path, name = item
    sources = _sources(pieces[end + 1 :])
    if path:
        meant = [it for it in sources if path[-1].casefold() in (it[0].casefold(), it[1].casefold())]
    else:
        meant = [it for it in sources if _has(inspector, it[1], it[2], name)] if len(sources) > 1 else sources
    return Origin(meant[0][1], meant[0][2], name) if len(meant) == 1 else None


def _item(items: Sequence[Sequence[str]], given: Sequence[str], column: str) -> list[str] | None:
    """Find what a view's column is made of: a name with what stands before its dots; None when it is computed."""
    for position, pieces in enumerate(items):
        body, alias = list(pieces), None
        if len(pieces) > 2 and pieces[-2].lower() == "as":  # noqa: PLR2004 -- something AS name
            body, alias = list(pieces[:-2]), _plain(pieces[-1])
        elif len(pieces) > 1 and pieces[-2] not in (".", "*") and pieces[-1] != "*":
            body, alias = list(pieces[:-1]), _plain(pieces[-1])
        names = [_plain(piece) for piece in body if piece != "."]
        simple = [piece == "." for piece in body] == [bool(at % 2) for at in range(len(body))]
        if names[-1:] == ["*"] and simple:
            return [*names[:-1], column]
        called = given[position] if position < len(given) else alias or (names[-1] if names else "")
        if called.casefold() == column.casefold():
            return names if simple and not body[0].startswith("'") else None
    return None


def _sources(pieces: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """List what a view selects from: alias, table, schema."""
    found = []
    expecting, at = True, 0
    while at < len(pieces) and pieces[at].lower() not in _END_OF_FROM:
        piece = pieces[at].lower()
        at += 1
        if piece in ("join", ","):
            expecting = True
        elif expecting and piece != "(":
            path = [_plain(pieces[at - 1])]
            while at + 1 < len(pieces) and pieces[at] == ".":
                path.append(_plain(pieces[at + 1]))
                at += 2
            if at < len(pieces) and pieces[at].lower() == "as":
                at += 1
            alias = path[-1]
            if (
                at < len(pieces)
                and re.match(r"[\w\"`\[]", pieces[at])
                and pieces[at].lower() not in (_NO_ALIAS | _END_OF_FROM)
            ):
                alias = _plain(pieces[at])
                at += 1
            found.append((alias, path[-1], path[-2] if len(path) > 1 else None))
            expecting = False
    return found


def _names_given(head: Sequence[str]) -> list[str]:
    """Read the names of CREATE VIEW v (a, b) AS."""
    if "(" not in head:
        return []
    return [_plain(piece) for piece in head[head.index("(") + 1 :] if piece not in (",", ")") and piece.lower() != "as"]


def _split(pieces: Sequence[str]) -> list[list[str]]:
    items: list[list[str]] = [[]]
    depth = 0
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(piece)
    return items


def _depth(pieces: Sequence[str], start: int, at: int) -> int:
    return pieces[start:at].count("(") - pieces[start:at].count(")")


def _plain(piece: str) -> str:
    if piece[:1] in ('"', "`") and len(piece) > 1:
        return piece[1:-1].replace(piece[0] * 2, piece[0])
    return piece[1:-1] if piece.startswith("[") else piece


def _has(inspector: Inspector, table: str, schema: str | None, column: str) -> bool:
    return column.casefold() in (it["name"].casefold() for it in inspector.get_columns(table, schema))
