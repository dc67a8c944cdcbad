"""Conversion: a row of a file or of a database, whose values are text or a driver's, becomes a record of an entity."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from marshmallow.fields import Field

from provider.contract.entities import ENTITIES, fields

_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def convert(row: Mapping[str, Any], object_type: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the record, blanks left out, and what of it could not be read, by field."""
    entity = ENTITIES.get(object_type)
    known = entity.fields if entity else {}
    record: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in row.items():
        if value is None or value == "":
            continue
        try:
            record[name] = _read(known.get(name), value)
        except (ValueError, OverflowError, InvalidOperation):
            record[name] = str(value)
            problems[name] = "cannot be read as what the field holds"
    return record, problems


def _read(field: Field[Any] | None, value: Any) -> Any:
    for kind, read in _READERS.items():
        if isinstance(field, kind):
            return read(value)
    return _plain(value) if field is None else _nested(value)


def _timestamp(value: Any) -> int:
    """Read milliseconds since 1970, or a time; one without a zone is in UTC."""
    if isinstance(value, str):
        text = value.strip()
        value = int(text) if text.lstrip("-").isdigit() else dt.datetime.fromisoformat(text)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time.min)
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return round(moment.timestamp() * 1000)
    return _integer(value)


def _integer(value: Any) -> int:
    number = Decimal(str(value).strip())
    if number != number.to_integral_value():
        raise ValueError("not whole")
    return int(number)


def _boolean(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise ValueError("neither true nor false")
    return text in _TRUE


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _nested(value: Any) -> Any:
    """Read a list or an object, which a column holds as JSON."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value


def _plain(value: Any) -> Any:
    """Keep the value of a field nobody declares, as JSON can write it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return _timestamp(value) if isinstance(value, dt.date) else value


_READERS: Mapping[type[Field[Any]], Callable[[Any], Any]] = {
    fields.Timestamp: _timestamp,
    fields.Integer: _integer,
    fields.Double: float,
    fields.Boolean: _boolean,
    fields.Text: _text,
}
