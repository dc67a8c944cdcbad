"""The SQL statement of a lookup in a partner's table, for every combination of identifiers and every database."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    CHAR,
    VARCHAR,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Enum,
    Float,
    FromClause,
    Integer,
    Numeric,
    Select,
    String,
    Text,
    Time,
    Unicode,
    UnicodeText,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    union_all,
)
from sqlalchemy.types import NullType, TypeEngine, UserDefinedType

from provider.database.statements import Statement
from provider.dataset.base import Query
from provider.dataset.columns import Column, Field
from provider.dataset.conversion import base_type
from provider.errors import ConfigurationError

MATCHES = ("first", "any", "all")
SEVERAL = ("newest", "error", "first")

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_INT64 = 2**63
_COMPARED_AS_SENT = (String, Integer, Numeric, Float, Uuid, NullType)
_ORDERED = (String, Integer, Numeric, Float, Boolean, Date, DateTime, Time, Uuid)
_LONGEST_VARCHAR = 8000
_LONGEST_TEXT = 100
_ONLY_FOR_ORDER = re.compile(r"newest|k\d+")


@dataclass(frozen=True)
class Rules:
    """What a lookup does with several identifiers and several rows, and the conditions that every row must meet.

    `limit` is how many items a list may have, 0 for a single record.
    """

    match: str
    several: str
    limit: int
    newest_by: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)


class LookupStatement:
    """The statements of lookups in one table, view or selection: one for each combination of identifiers.

    `columns` are those of the record, in its order, `conditions` the fixed ones; `compared` tells, by identifier, what
    it is compared with, before case is ignored; `most` is how many rows a lookup needs.
    """

    def __init__(
        self,
        dialect: Dialect,
        chosen: FromClause,
        *,
        fields: Mapping[str, Field],
        identifiers: Mapping[str, Column],
        rules: Rules,
    ) -> None:
        self.dialect = dialect
        self.rules = rules
        self.identifiers = identifiers
        self._chosen = chosen
        self.columns = [self._column(it.column).label(f"c{number}") for number, it in enumerate(fields.values())]
        self.compared = {key: self._comparison(stored) for key, stored in identifiers.items()}
        self._parameters = {
            key: [f"i{position}_{number}" for number in range(_width(key, stored))]
            for position, (key, stored) in enumerate(identifiers.items())
        }
        self._reads = {key: self._read(column.type) for key, column in self.compared.items()}
        self.conditions = [self._condition(name, value) for name, value in rules.where.items()]
        self._newest = self._column(rules.newest_by) if rules.newest_by else None
        # The same lookup must give the same answer: rows that are as new as each other are ordered by their key, or
        # without a key by the columns of the record.
        ordered = rules.several != "error" or rules.limit
        self._keys = list(chosen.primary_key) if ordered else []
        self._shown = [it.name for it in self.columns if self._can_order(it.type)] if ordered and not self._keys else []
        # A second row tells that the answer is ambiguous.
        self.most = rules.limit or (2 if rules.several == "error" else 1)
        self._prepared: dict[tuple[str, ...], Statement] = {}

    def for_query(self, query: Query) -> tuple[Statement, Mapping[str, Any]] | None:
        """Give the statement that a query asks for and the values to bind; None when no row can match."""
        used, values = self.bind(query)
        if not used or (self.rules.match == "all" and len(used) < self._sent(query)):
            return None
        return self._prepared.get(used) or self.prepared(used), values

    def for_check(self) -> tuple[Statement, Mapping[str, Any]]:
        """Give the statement with all identifiers, made to find nothing, and its values: for `Source.check`."""
        chosen = self._select(tuple(self.identifiers), nobody=True)
        return Statement(chosen, self.dialect), {name: None for names in self._parameters.values() for name in names}

    def bind(self, query: Query) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Give the identifiers of a query that can be in the table, and the values to bind."""
        values: dict[str, Any] = {}
        used = []
        for key, names in self._parameters.items():
            if forms := self.forms(key, query):
                used.append(key)
                values.update(zip_longest(names, forms, fillvalue=forms[-1]))
        return tuple(used), values

    def forms(self, key: str, query: Query) -> Sequence[Any]:
        """List the values an identifier of a query is compared with; nothing when it is not sent or cannot match."""
        forms: list[Any]
        if key == "phone":
            phone = query.phone
            forms = (
                [form for name in self.identifiers[key].stored_as if (form := getattr(phone, name))] if phone else []
            )
        else:
            value = query.email if key == "email" else query.identifiers.get(key)
            forms = [] if value is None else [value]
        if forms and (read := self._reads[key]):
            return [value for form in forms if (value := read(form)) is not None]
        return forms

    def prepared(self, used: tuple[str, ...]) -> Statement:
        """Give the statement for these identifiers, compiled when it is first asked for."""
        if used not in self._prepared:
            self._prepared[used] = Statement(self._select(used), self.dialect)
        return self._prepared[used]

    def every_row(self) -> Select[Any]:
        """Write the statement that reads all rows, whoever they are of; values come as the driver gives them."""
        columns: list[Any] = [type_coerce(column, NullType()).label(column.name) for column in self.columns]
        return select(*columns).select_from(self._chosen).where(*self.conditions)

    def _sent(self, query: Query) -> int:
        """Count the dataset's identifiers that a query brings."""
        brought = {"phone": query.phone, "email": query.email, **query.identifiers}
        return sum(brought.get(key) is not None for key in self.identifiers)

    def _select(self, used: tuple[str, ...], *, nobody: bool = False) -> Select[Any]:
        """Write the statement for these identifiers.

        Where the first that matches counts, each has a select of its own, so that its own index serves it.
        """
        if len(used) == 1 or self.rules.match != "first":
            together = and_ if self.rules.match == "all" else or_
            chosen = self._branch(together(*map(self._matches, used)), 0, nobody=nobody)
        else:
            branches = [self._branch(self._matches(key), rank, nobody=nobody) for rank, key in enumerate(used)]
            chosen = select(union_all(*branches).subquery("found"))
        found = chosen.selected_columns
        order = [found.precedence] if len(used) > 1 and self.rules.match == "first" else []
        if self._newest is not None:
            # Rows without a date come last: where nulls go by default differs between databases.
            order += [
                case((found.newest.is_(None), literal_column("1")), else_=literal_column("0")),
                found.newest.desc(),
            ]
        order += [found[f"k{number}"] for number in range(len(self._keys))] + [found[name] for name in self._shown]
        shown = [column for column in found if not _ONLY_FOR_ORDER.fullmatch(column.name)]
        return chosen.with_only_columns(*shown).order_by(*order).limit(self.most)

    def _column(self, name: str) -> ColumnElement[Any]:
        """Find a column; ConfigurationError lists those there are."""
        columns = self._chosen.columns
        if name not in columns:
            where = getattr(self._chosen, "name", None) or "the selection"
            raise ConfigurationError(f"{where} has no column {name!r}. It has: {', '.join(columns.keys())}.")
        column: ColumnElement[Any] = columns[name]
        kind = base_type(column)  # PostgreSQL compares a domain as what it is made of
        return column if kind is column.type else type_coerce(column, kind)

    def _branch(self, matches: ColumnElement[bool], rank: int, *, nobody: bool) -> Select[Any]:
        extra: list[ColumnElement[Any]] = [key.label(f"k{number}") for number, key in enumerate(self._keys)]
        if self._newest is not None:
            extra.append(self._newest.label("newest"))
        if self.rules.limit:
            extra.append(func.count().over().label("total"))
        # RecordReader tells by the last column which identifier found a row.
        extra.append(literal_column(str(rank), Integer).label("precedence"))
        chosen = select(*self.columns, *extra).select_from(self._chosen).where(matches, *self.conditions)
        return chosen.where(text("0 = 1")) if nobody else chosen

    def _matches(self, key: str) -> ColumnElement[bool]:
        stored, column = self.identifiers[key], self.compared[key]
        sent = [bindparam(name, None, type_=_AsSent()) for name in self._parameters[key]]
        if stored.case_insensitive:
            return _among(func.lower(column), [func.lower(value) for value in sent])
        if self.dialect.name == "mssql" and stored.expression is None and _is_narrow(column.type):
            # Drivers send text as NVARCHAR, for which SQL Server does not use the index of a VARCHAR column. The cast
            # to VARCHAR may lose letters (Đ becomes D), so what it finds is compared again with the text as sent.
            narrow = [cast(value, VARCHAR(_LONGEST_VARCHAR)) for value in sent]
            return and_(_among(column, narrow), _among(column, sent))
        return _among(column, sent)

    def _comparison(self, stored: Column) -> ColumnElement[Any]:
        """Give what an identifier is compared with; a column that is neither text nor a number by its text."""
        if stored.expression is not None:
            return literal_column(f"({stored.expression})", String())
        column = self._column(stored.name)
        if isinstance(column.type, Enum) or not isinstance(column.type, _COMPARED_AS_SENT):
            return cast(column, String(_LONGEST_TEXT))
        return column

    def _read(self, kind: TypeEngine[Any]) -> Callable[[str], Any] | None:
        """Give the function that makes a value of a column's type of a form: None of a form that can match no row."""
        if isinstance(kind, Integer):
            return _int64
        if (
            isinstance(kind, (Numeric, Float)) and self.dialect.name != "sqlite"
        ):  # which takes any unknown type for NUMERIC
            return _int
        if isinstance(kind, Uuid):
            return _uuid
        if isinstance(kind, CHAR) and kind.length and self.dialect.name == "oracle":
            length = kind.length
            return lambda form: form.ljust(length)  # Oracle compares a VARCHAR2, as it is bound, exactly
        return None

    def _can_order(self, kind: TypeEngine[Any]) -> bool:
        wide = isinstance(kind, Text) and self.dialect.name in ("mssql", "oracle")
        return isinstance(kind, _ORDERED) and not wide

    def _condition(self, name: str, value: Any) -> ColumnElement[bool]:
        column = self._column(name)
        if value is None:
            return column.is_(None)
        if isinstance(value, (list, tuple, set, frozenset)):
            return column.in_([literal(item, column.type) for item in value])  # plain values would be bound at each run
        matches: ColumnElement[bool] = column == value
        return matches


class _AsSent(UserDefinedType[Any]):
    """The type of a value that is bound without a cast.

    SQLAlchemy would write a cast for PostgreSQL: one to the column's type fails on a value it cannot hold, and one to
    VARCHAR keeps the index of a CHAR column from being used.
    """

    cache_ok = True


def _among(column: ColumnElement[Any], values: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    return column.in_(values) if len(values) > 1 else column == values[0]


def _is_narrow(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, String) and not isinstance(kind, (Unicode, UnicodeText))


def _width(key: str, stored: Column) -> int:
    """Count the forms an identifier is compared with."""
    return len(stored.stored_as) if key == "phone" else 1


def _int(form: str) -> int | None:
    return int(form) if _INTEGER.fullmatch(form) else None


def _int64(form: str) -> int | None:
    number = _int(form)
    return number if number is not None and -_INT64 <= number < _INT64 else None


def _uuid(form: str) -> str | None:
    try:
        return str(uuid.UUID(form))
    except ValueError:
        return None
