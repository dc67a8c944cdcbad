"""The record: a flat object of text, booleans and numbers (PangoCDP, "Access Data API", Data Response)."""

import base64
import datetime as dt
import math
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson

Scalar = str | bool | int | float

_INT64 = 2**63
EXACT_DIGITS = 15
"""Significant digits that a JSON number keeps when it is read as a double (IEEE 754: DBL_DIG)."""

DEEPEST = 100
"""Levels of a JSON document that are shown, as many as MySQL allows; orjson fails at 254."""


def flat(found: Mapping[str, Any]) -> dict[str, Scalar]:
    """Shape what a dataset found: nulls left out, text in NFC, dates as ISO 8601, everything else as a scalar."""
    record = {}
    for name, value in found.items():
        convert = _CONVERSIONS.get(type(value))
        shaped = convert(value) if convert else _other(value)
        if shaped is not None:
            record[name] = shaped
    return record


def exact(number: Decimal) -> Scalar | None:
    """Write a decimal as a number when a double keeps its digits, else as text; None when it is not finite."""
    if not number.is_finite():
        return None
    digits, exponent = number.as_tuple()[1:]
    if len(digits) > EXACT_DIGITS or not isinstance(exponent, int) or abs(exponent) > EXACT_DIGITS:
        return str(number)
    return _integer(int(number)) if exponent >= 0 else float(number)


def _text(value: str) -> str:
    if value.isascii():
        return value
    # A lone surrogate, which some drivers make of undecodable bytes, has no UTF-8 form.
    return unicodedata.normalize("NFC", value.encode("utf-8", "replace").decode())


def _integer(value: int) -> Scalar:
    return value if -_INT64 <= value < _INT64 else str(value)


def _float(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _duration(value: dt.timedelta) -> str:
    sign, value = ("-", -value) if value < dt.timedelta(0) else ("", value)
    hours, seconds = divmod(value.seconds, 3600)
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    return f"{sign}P{value.days}DT{hours}H{seconds // 60}M{seconds % 60}{fraction}S"


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode()


def _document(value: object) -> str:
    """Write an array or a JSON document as JSON text: a record is flat."""
    return orjson.dumps(_plain(value)).decode()


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)  # a set has no order, and the same lookup must give the same answer
    if isinstance(value, (list, tuple)):
        return [_plain(member, depth + 1) for member in value]
    convert = _CONVERSIONS.get(type(value))
    return convert(value) if convert else _other(value)


def _other(value: Any) -> Scalar | None:
    """Shape a rare type: a subclass as its base class, anything else (network address, range, UUID) as its text."""
    if isinstance(value, Enum):
        return _other(value.value)
    for kind, convert in _CONVERSIONS.items():
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, Mapping):
        return _document(value)
    return _text(str(value))


_CONVERSIONS: dict[type, Callable[[Any], Scalar | None]] = {
    str: _text,
    type(None): lambda _: None,
    bool: bool,
    int: _integer,
    float: _float,
    Decimal: exact,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: _duration,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    dict: _document,
    list: _document,
    tuple: _document,
    set: _document,
    frozenset: _document,
}
