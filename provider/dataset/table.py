"""TableDataset: a table or a view of a source, declared and not programmed."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Dialect,
    Float,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    bindparam,
    case,
    false,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import TypeEngine

from provider.contract.record import EXACT_DIGITS
from provider.database import Statement
from provider.dataset.base import Dataset, Query
from provider.errors import Ambiguous, ConfigurationError
from provider.sources import Source, Sources

PHONE_FORMS = ("national", "e164", "international")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_INT64 = 2**63


@dataclass(frozen=True)
class Column:
    """An identifier's column and how the table stores it.

    `stored_as` lists the forms of a phone: `national` 0359677657, `e164` +84359677657, `international` 84359677657.
    `case_insensitive` compares in lower case, on the database's side too: an index on lower(column) keeps that fast.
    """

    name: str
    stored_as: Sequence[str] = ("national",)
    case_insensitive: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.stored_as) - set(PHONE_FORMS)):
            raise ConfigurationError(f"stored_as cannot be {unknown[0]!r}. Choose among: {', '.join(PHONE_FORMS)}.")
        if not self.stored_as:
            raise ConfigurationError(f"stored_as is empty. Choose among: {', '.join(PHONE_FORMS)}.")


class TableDataset(Dataset):
    """A dataset over a table or a view, reflected at the start.

    `identifiers` names the column each identifier is compared with, `record` the column each field of the record comes
    from; no other column leaves the service. Where several identifiers are sent, the first in order that matches
    counts. Where several rows match, the one with the latest `newest_by` counts; without it the answer is `Ambiguous`.
    """

    def __init__(
        self,
        *,
        name: str,
        source: str,
        table: str,
        identifiers: Mapping[str, str | Column],
        record: Mapping[str, str],
        newest_by: str | None = None,
        example: Mapping[str, str] | None = None,
    ) -> None:
        self._describe(name=name, identifiers=tuple(identifiers), example=example)
        if not record:
            raise ConfigurationError(f"{self.where}: {name} has an empty record. Name the columns it shows.")
        self._source_name = source
        self._table_name = table
        self._columns = {
            key: Column(column) if isinstance(column, str) else column for key, column in identifiers.items()
        }
        self._shown = dict(record)
        self._newest_by = newest_by
        self._lookup: _Lookup | None = None

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields."""
        return list(self._shown)

    def prepare(self, sources: Sources) -> None:
        """Reflect the table and prepare the statements; ConfigurationError names what the database lacks."""
        try:
            source = sources[self._source_name]
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.where}: {error}") from None
        table = self._reflect(source)
        record = {field: self._column(table, column) for field, column in self._shown.items()}
        newest = self._column(table, self._newest_by) if self._newest_by else None
        identifiers = {key: (self._column(table, column.name), column) for key, column in self._columns.items()}
        self._lookup = _Lookup(source, record=record, identifiers=identifiers, newest=newest)

    def fetch(self, query: Query) -> Mapping[str, Any] | None:
        """Find the row a query asks for, None when nobody matches; Ambiguous, SourceUnavailable."""
        if self._lookup is None:
            raise RuntimeError(f"{self.where}: {self.name} is used before it is prepared")
        return self._lookup(query)

    def present(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give what was found as it is: only declared columns were selected."""
        return found

    def _reflect(self, source: Source) -> Table:
        try:
            return Table(self._table_name, MetaData(), autoload_with=source.engine, resolve_fks=False)
        except NoSuchTableError:
            raise ConfigurationError(
                f"{self.where}: source {source.name!r} has no table or view {self._table_name!r}. "
                "Correct the name; mind capital letters."
            ) from None
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"{self.where}: source {source.name!r} does not answer ({type(error).__name__}). "
                f"Check PROVIDER_SOURCE_{source.name.upper()}_URL and that the database is up."
            ) from None

    def _column(self, table: Table, name: str) -> TableColumn[Any]:
        if name not in table.columns:
            raise ConfigurationError(
                f"{self.where}: table {table.name!r} has no column {name!r}. It has: {', '.join(table.columns.keys())}."
            )
        return table.columns[name]


class _Lookup:
    """The prepared statements of one table, by the identifiers a query brings."""

    def __init__(
        self,
        source: Source,
        *,
        record: Mapping[str, TableColumn[Any]],
        identifiers: Mapping[str, tuple[TableColumn[Any], Column]],
        newest: TableColumn[Any] | None,
    ) -> None:
        self._source = source
        self._columns = [column.label(f"c{number}") for number, column in enumerate(record.values())]
        self._identifiers = identifiers
        self._newest = newest
        self._most = 1 if newest is not None else 2  # a second row shows that the answer is ambiguous
        self._fields = list(zip(record, self._conversions(), strict=True))
        self._statements: dict[tuple[str, ...], Statement] = {}
        for key in identifiers:
            self._statement((key,))

    def __call__(self, query: Query) -> dict[str, Any] | None:
        values: dict[str, Any] = {}
        used = []
        for key, (column, stored) in self._identifiers.items():
            if forms := _comparable(column, _forms(key, query, stored)):
                used.append(key)
                for number in range(len(stored.stored_as)):
                    values[f"{key}_{number}"] = forms[min(number, len(forms) - 1)]
        if not used:
            return None
        statement = self._statement(tuple(used))
        _, rows = self._source.fetch(statement, values, self._most)
        if not rows:
            return None
        if len(rows) > 1 and (len(used) == 1 or rows[0][-1] == rows[1][-1]):
            raise Ambiguous
        return {
            field: convert(value) if convert and value is not None else value
            for (field, convert), value in zip(self._fields, rows[0], strict=False)
        }

    def _statement(self, used: tuple[str, ...]) -> Statement:
        if used not in self._statements:
            self._statements[used] = Statement(self._select(used), self._source.engine.dialect)
        return self._statements[used]

    def _select(self, used: tuple[str, ...]) -> Select[Any]:
        """Write the one statement of a lookup: a branch per identifier, so that each is served by its own index."""
        if len(used) == 1:
            chosen = select(*self._columns).where(self._matches(used[0]))
            return chosen.order_by(*_latest_first(self._newest)).limit(self._most)
        newest = self._newest if self._newest is not None else null()
        branches = union_all(
            *(
                select(
                    *self._columns, newest.label("newest"), literal_column(str(rank), Integer).label("precedence")
                ).where(self._matches(key))
                for rank, key in enumerate(used)
            )
        ).subquery("found")
        latest = _latest_first(branches.c.newest if self._newest is not None else None)
        return select(branches).order_by(branches.c.precedence, *latest).limit(self._most)

    def _matches(self, key: str) -> ColumnElement[bool]:
        column, stored = self._identifiers[key]
        compared = func.lower(column) if stored.case_insensitive else column
        forms = [bindparam(f"{key}_{number}", "", type_=column.type) for number in range(len(stored.stored_as))]
        return compared.in_(forms) if len(forms) > 1 else compared == forms[0]

    def _conversions(self) -> list[Callable[[Any], Any] | None]:
        """Ask SQLAlchemy's types what they make of the driver's values, which need the driver's own type codes."""
        dialect = self._source.engine.dialect
        nothing = Statement(select(*self._columns).where(false()), dialect)
        description, _ = self._source.fetch(nothing, {}, 1)
        return [
            _conversion(column.type, dialect, described[1])
            for column, described in zip(self._columns, description, strict=True)
        ]


def _latest_first(newest: ColumnElement[Any] | None) -> list[ColumnElement[Any]]:
    """Order by the latest, rows without a date last: databases differ on where nulls go by themselves."""
    return [] if newest is None else [case((newest.is_(None), 1), else_=0), newest.desc()]


def _forms(key: str, query: Query, stored: Column) -> Sequence[str]:
    """List what an identifier may look like in the table; nothing when the query does not bring it."""
    if key == "phone":
        phone = query.phone
        return [form for name in stored.stored_as if (form := getattr(phone, name))] if phone else []
    value = query.email if key == "email" else query.identifiers.get(key)
    if value is None:
        return []
    return [value.lower() if stored.case_insensitive else value]


def _comparable(column: TableColumn[Any], forms: Sequence[str]) -> Sequence[Any]:
    """Turn the forms into values of the column's type; those that cannot be one match no row."""
    if not isinstance(column.type, Integer):
        return forms
    return [int(form) for form in forms if _INTEGER.fullmatch(form) and -_INT64 <= int(form) < _INT64]


def _conversion(kind: TypeEngine[Any], dialect: Dialect, code: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, (Numeric, Float)) and kind.scale is None:
        return None  # the driver's own value is the exact one; SQLAlchemy would invent ten decimals
    process = kind.dialect_impl(dialect).result_processor(dialect, code)
    if isinstance(kind, Numeric) and (kind.precision or 0) > EXACT_DIGITS:
        return _lenient(_all_digits(process or _same))
    if process is None:
        return None
    if isinstance(kind, Boolean):
        return lambda value: process(value) if value in (0, 1) else value  # the text 'false' would become true
    return _lenient(process)


def _same(value: Any) -> Any:
    return value


def _all_digits(process: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Write numbers of a column too wide for a JSON number as text, every one of them in the same way."""

    def convert(value: Any) -> Any:
        number = process(value)
        return format(number, "f") if math.isfinite(number) else number

    return convert


def _lenient(process: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Show a value as it stands when it is not what its column says: SQLite keeps any text in a column of dates."""

    def convert(value: Any) -> Any:
        try:
            return process(value)
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            return value

    return convert
