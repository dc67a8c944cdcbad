"""Selection: the one statement of a lookup, prepared for every combination of identifiers."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.types import TypeEngine

from provider.database import Statement
from provider.dataset.base import Query
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.values import driver_conversion
from provider.errors import Ambiguous, ConfigurationError
from provider.sources import Source

MATCHES = ("first", "any", "all")
SEVERAL = ("newest", "error", "first")

Found = dict[str, Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_INT64 = 2**63


@dataclass(frozen=True)
class Rules:
    """How several identifiers and several rows are dealt with. `limit` is that of a list, 0 for a single record."""

    match: str
    several: str
    limit: int


class Selection:
    """The prepared statements of one table, by the identifiers a query brings."""

    def __init__(
        self,
        source: Source,
        chosen: FromClause,
        *,
        record: Mapping[str, Field | Constant],
        identifiers: Mapping[str, Column],
        newest_by: str | None,
        where: Mapping[str, Any],
        rules: Rules,
        hash_key: bytes,
    ) -> None:
        self.source = source
        self.rules = rules
        self._chosen = chosen
        fields = {name: field for name, field in record.items() if isinstance(field, Field)}
        self._constants = {name: field.value for name, field in record.items() if isinstance(field, Constant)}
        self._columns = [self.column(field.column).label(f"c{i}") for i, field in enumerate(fields.values())]
        self._identifiers = {
            key: (it, self.column(it.name) if it.expression is None else literal_column(f"({it.expression})", String()))
            for key, it in identifiers.items()
        }
        self._names = {
            key: [f"{key}_{number}" for number in range(len(it.stored_as) if key == "phone" else 1)]
            for key, it in identifiers.items()
        }
        self._comparable = {key: _comparable(column.type) for key, (_, column) in self._identifiers.items()}
        self._where = [self._condition(name, value) for name, value in where.items()]
        self._newest = self.column(newest_by) if newest_by else None
        # The same question gets the same answer: rows as new as each other are told apart by their key.
        self._keys = [] if rules.several == "error" and not rules.limit else list(chosen.primary_key)
        # A second row shows that an answer is ambiguous.
        self._most = rules.limit or (2 if rules.several == "error" else 1)
        self._statements: dict[tuple[str, ...], Statement] = {}
        self._fields = list(zip(fields, self._conversions(fields, hash_key), strict=True))
        for key in identifiers:
            self.statement((key,))

    def __call__(self, query: Query) -> Found | None:
        """Find what a query asks for; Ambiguous, SourceUnavailable, Timeout."""
        used, values = self.arrange(query)
        if not used or (self.rules.match == "all" and len(used) < _sent(query, self._identifiers)):
            return None
        _, rows = self.source.fetch(self.statement(used), values, self._most)
        if not rows:
            return None
        if self.rules.limit:
            first = [row for row in rows if row[-1] == rows[0][-1]]
            return {"total": first[0][-2], "items": [self._record(row) for row in first]}
        if len(rows) > 1 and self.rules.several == "error" and rows[0][-1] == rows[1][-1]:
            raise Ambiguous
        return self._record(rows[0])

    def arrange(self, query: Query) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Give the identifiers a query brings that can be in the table, and the values to look for."""
        values: dict[str, Any] = {}
        used = []
        for key, (stored, _) in self._identifiers.items():
            forms = _forms(key, query, stored)
            if convert := self._comparable[key]:
                forms = [value for form in forms if (value := convert(form)) is not None]
            if forms:
                used.append(key)
                # A number of another country has fewer forms than the table may hold: the last one fills up.
                values.update(zip_longest(self._names[key], forms, fillvalue=forms[-1]))
        return tuple(used), values

    def statement(self, used: tuple[str, ...]) -> Statement:
        """Give the statement for these identifiers."""
        if used not in self._statements:
            self._statements[used] = Statement(self.select(used), self.source.engine.dialect)
        return self._statements[used]

    def select(self, used: tuple[str, ...]) -> Select[Any]:
        """Write the statement for these identifiers.

        Where the first that matches counts, each has a branch of its own, so that each is served by its own index.
        """
        if len(used) == 1 or self.rules.match != "first":
            together = and_ if self.rules.match == "all" else or_
            # The last column is what tells branches apart; here all rows are of one.
            chosen = self._branch(together(false() if together is or_ else true(), *map(self._matches, used)), 0)
        else:
            branches = [self._branch(self._matches(key), rank) for rank, key in enumerate(used)]
            chosen = select(union_all(*branches).subquery("found"))
        found = chosen.selected_columns
        order = [found.precedence] if len(used) > 1 and self.rules.match == "first" else []
        if self._newest is not None:
            # Rows without a date come last: databases differ on where nulls go by themselves.
            order += [
                case((found.newest.is_(None), literal_column("1")), else_=literal_column("0")),
                found.newest.desc(),
            ]
        order += [found[f"k{number}"] for number in range(len(self._keys))]
        shown = [column for column in found if column.name not in _ONLY_FOR_ORDER and not _KEY.fullmatch(column.name)]
        ordered = chosen.with_only_columns(*shown).order_by(*order)
        return ordered.limit(self._most)

    def column(self, name: str) -> ColumnElement[Any]:
        """Find a column; ConfigurationError lists those there are."""
        columns = self._chosen.columns
        if name not in columns:
            where = getattr(self._chosen, "name", None) or "the selection"
            raise ConfigurationError(f"{where} has no column {name!r}. It has: {', '.join(columns.keys())}.")
        return columns[name]

    def _branch(self, matches: ColumnElement[bool], rank: int) -> Select[Any]:
        extra: list[ColumnElement[Any]] = [key.label(f"k{number}") for number, key in enumerate(self._keys)]
        if self._newest is not None:
            extra.append(self._newest.label("newest"))
        if self.rules.limit:
            extra.append(func.count().over().label("total"))
        extra.append(literal_column(str(rank), Integer).label("precedence"))
        return select(*self._columns, *extra).select_from(self._chosen).where(matches, *self._where)

    def _matches(self, key: str) -> ColumnElement[bool]:
        stored, column = self._identifiers[key]
        compared = func.lower(column) if stored.case_insensitive else column
        forms = [bindparam(name, "", type_=column.type) for name in self._names[key]]
        return compared.in_(forms) if len(forms) > 1 else compared == forms[0]

    def _condition(self, name: str, value: Any) -> ColumnElement[bool]:
        column = self.column(name)
        if value is None:
            return column.is_(None)
        if isinstance(value, (list, tuple, set, frozenset)):
            return column.in_([literal(item, column.type) for item in value])  # plain values would be bound when run
        matches: ColumnElement[bool] = column == value
        return matches

    def _conversions(self, fields: Mapping[str, Field], hash_key: bytes) -> list[Any]:
        dialect = self.source.engine.dialect
        nothing = Statement(
            select(*self._columns, literal_column("1")).select_from(self._chosen).where(false()), dialect
        )
        description, _ = self.source.fetch(nothing, {}, 1)
        return [
            field.steps(driver_conversion(column.type, dialect, described[1]), hash_key)
            for field, column, described in zip(fields.values(), self._columns, description, strict=False)
        ]

    def _record(self, row: Sequence[Any]) -> Found:
        record = {
            name: convert(value) if convert and value is not None else value
            for (name, convert), value in zip(self._fields, row, strict=False)
        }
        return record | self._constants if self._constants else record


_ONLY_FOR_ORDER = ("newest",)
_KEY = re.compile(r"k\d+")


def _sent(query: Query, identifiers: Mapping[str, Any]) -> int:
    """Count the dataset's identifiers that a query brings."""
    brought = {"phone": query.phone, "email": query.email, **query.identifiers}
    return sum(brought.get(key) is not None for key in identifiers)


def _forms(key: str, query: Query, stored: Column) -> Sequence[str]:
    """List what an identifier may look like in the table; nothing when the query does not bring it."""
    if key == "phone":
        phone = query.phone
        return [form for name in stored.stored_as if (form := getattr(phone, name))] if phone else []
    value = query.email if key == "email" else query.identifiers.get(key)
    if value is None:
        return []
    return [value.lower() if stored.case_insensitive else value]


def _comparable(kind: TypeEngine[Any]) -> Callable[[str], Any] | None:
    """Say how a form becomes a value of the column's type; what cannot be one, None, matches no row."""
    if isinstance(kind, Integer):
        return _integer
    if isinstance(kind, Numeric):
        return lambda form: Decimal(form) if _INTEGER.fullmatch(form) else None
    return _uuid if isinstance(kind, Uuid) else None


def _integer(text: str) -> int | None:
    return number if _INTEGER.fullmatch(text) and -_INT64 <= (number := int(text)) < _INT64 else None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
