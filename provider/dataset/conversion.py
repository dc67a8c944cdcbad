"""Converts the values that a driver returns into those that a record shows."""

import datetime as dt
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import CHAR, NCHAR, Boolean, ColumnElement, Dialect, Float, Numeric, Time
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.types import TypeEngine

from provider.contract.record import EXACT_DIGITS

Convert = Callable[[Any], Any]

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})


def _boolean(value: Any) -> bool:
    if isinstance(value, bytes):
        value = int.from_bytes(value)  # MySQL's BIT(1)
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("neither true nor false")


def _number(value: Any) -> Decimal:
    return Decimal(str(value).strip())


def _integer(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError("not whole")
    return int(number)


def _datetime(value: Any) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime.fromisoformat(value.isoformat() if isinstance(value, dt.date) else str(value).strip())


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return _datetime(value).date()


def _epoch_ms(value: Any) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(value) / 1000, dt.UTC)


CONVERSIONS: Mapping[str, Convert] = {
    "text": lambda value: str(value).strip(),
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "epoch_ms": _epoch_ms,
}
"""What `Field(convert=...)` may name."""


def lenient(process: Convert, otherwise: Convert) -> Convert:
    """Return a function that converts with `process`, or with `otherwise` what is not of its column's type."""

    def convert(value: Any) -> Any:
        try:
            return process(value)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            return otherwise(value)

    return convert


def nothing(_: Any) -> None:
    """Leave a value out."""


def base_type(column: ColumnElement[Any]) -> TypeEngine[Any]:
    """Return a column's type; for a domain of PostgreSQL, the type below it."""
    kind: TypeEngine[Any] = column.type
    while isinstance(kind, DOMAIN):
        kind = kind.data_type
    return kind


def driver_conversion(kind: TypeEngine[Any], dialect: Dialect, code: Any) -> Convert | None:
    """Return the function that converts the driver's values of a type; `code` is the driver's code of the type."""
    if isinstance(kind, (CHAR, NCHAR)):
        return lambda value: value.rstrip(" ") if isinstance(value, str) else value  # padded by the database
    if isinstance(kind, (Numeric, Float)) and kind.scale is None:
        return None  # the driver's value is exact; SQLAlchemy would round it to ten decimals
    if isinstance(kind, Time) and dialect.name in ("mysql", "mariadb"):
        return lenient(_time_of_day, same)  # SQLAlchemy would make 01:00:01 of -838:59:59
    process = kind.dialect_impl(dialect).result_processor(dialect, code)
    if isinstance(kind, Numeric) and (kind.precision or 0) > EXACT_DIGITS:
        return lenient(_all_digits(process or same), same)
    if process is not None and isinstance(kind, Boolean):
        return lambda value: process(value) if value in (0, 1) else value  # the text 'false' would become true
    return lenient(process, same) if process else None


def same(value: Any) -> Any:
    """Leave a value as it is."""
    return value


def _time_of_day(value: Any) -> dt.time | dt.timedelta:
    """Make a time of day of a TIME of MySQL, which is a duration, if it is less than a day."""
    if isinstance(value, dt.timedelta) and value.days == 0:
        return (dt.datetime.combine(dt.date.min, dt.time.min) + value).time()
    return value  # type: ignore[no-any-return]


def _all_digits(process: Convert) -> Convert:
    """Write all numbers of a column as text, because the largest are too long for a JSON number."""

    def convert(value: Any) -> Any:
        number = process(value)
        return format(number, "f") if math.isfinite(number) else number

    return convert
