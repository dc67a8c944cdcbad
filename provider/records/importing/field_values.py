"""Converts one value as people, spreadsheets and databases write it into the type of an entity's field.

An ambiguous value is refused, not guessed: a wrong number that looks right is worse than a rejected row.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from unicodedata import normalize

import orjson

from provider.contract.identity import phone_or_none

_TRUE = frozenset({"true", "1", "yes", "y", "có", "co", "đúng", "x"})
_FALSE = frozenset({"false", "0", "no", "n", "không", "khong", "sai"})
_GENDERS = {"nam": "male", "nữ": "female", "nu": "female", "male": "male", "female": "female"}

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NO_FRACTION = re.compile(r"([+-]?\d{1,19})\.0{1,2}", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3}){2,}|(?:,\d{3}){2,}|(?:[ \u00a0\u202f]\d{3})+)", re.ASCII)
_AMBIGUOUS = re.compile(r"[+-]?\d{1,3}[.,]\d{3}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NO_DIGIT = re.compile(r"[^\d+-]", re.ASCII)

_PHONE_DIGITS = re.compile(r"([1-9]\d{5,14})(\.0+)?", re.ASCII)
_SCIENTIFIC = re.compile(r"(\d)\.(\d+)[eE]\+?(\d{1,2})", re.ASCII)
_SHORTENED = re.compile(r"\d([.,]\d+)?[eE]\+\d\d+", re.ASCII)
_INEXACT_FROM = 1e15
"""A spreadsheet keeps fifteen digits of a number; the digits after them become 0."""

_MILLISECONDS = re.compile(r"(-?\d{1,16})(?:\.0+)?", re.ASCII)
_COMPACT_DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX_EXACT = 2.0**53


class Unconvertible(ValueError):
    """A value that cannot be converted. The message says why and does not repeat the value."""


def read_text(value: Any) -> Any:
    """Read text: composed (NFC) and trimmed. A number is written as it was typed into a spreadsheet."""
    if isinstance(value, str):
        return normalize("NFC", value).strip()
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _write_number(value)
    if isinstance(value, (date, time)):
        return _write_date(value)
    return value


def read_key(value: Any) -> Any:
    """Read text that identifies a record. Unconvertible for a number that a spreadsheet shortened: many share it."""
    written = read_text(value)
    shortened = isinstance(value, float) and abs(value) >= _INEXACT_FROM
    if shortened or (isinstance(written, str) and _SHORTENED.fullmatch(written)):
        raise Unconvertible("looks like a number that a spreadsheet has shortened: export the column as text")
    return written


def read_phone(value: Any, *, region: str) -> Any:
    """Read a phone and restore a leading 0 that a spreadsheet removed. What is no phone stays as it is."""
    written = read_text(value)
    if not isinstance(written, str) or written[:1] in ("0", "+", ""):
        return written
    digits = _phone_digits(written)
    if digits is None:
        return written
    found = phone_or_none(digits, region=region)
    if found is None:
        return written
    if found.national and found.national[1:] == digits and found.national[0] == "0":
        return found.national
    return digits


def _phone_digits(written: str) -> str | None:
    """Return the digits of a phone that was stored as a number; None for other text, or when digits were lost."""
    if match := _PHONE_DIGITS.fullmatch(written):
        return match[1]
    match = _SCIENTIFIC.fullmatch(written)
    return match[1] + match[2] if match and len(match[2]) == int(match[3]) else None


def read_integer(value: Any) -> Any:
    """Read a whole number. Separators of thousands are accepted when they are not ambiguous."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_EXACT:
        return int(value)
    if not isinstance(value, str):
        return value
    written = value.strip()
    if _INTEGER.fullmatch(written):
        return int(written)
    if match := _NO_FRACTION.fullmatch(written):
        return int(match[1])
    if _GROUPED.fullmatch(written):
        return int(_NO_DIGIT.sub("", written))
    if not written:
        return None
    if _AMBIGUOUS.fullmatch(written):
        raise Unconvertible("can be read with thousands or with decimals: write it without a separator")
    raise Unconvertible("must be a whole number, written like 1250000")


def read_number(value: Any) -> Any:
    """Read a number with a decimal point."""
    if not isinstance(value, str):
        return value
    written = value.strip()
    if not written:
        return None
    if _INTEGER.fullmatch(written):
        return int(written)
    if _AMBIGUOUS.fullmatch(written):
        raise Unconvertible("can be read with thousands or with decimals: write 1250 or 1.2500")
    if _GROUPED.fullmatch(written):
        return int(_NO_DIGIT.sub("", written))
    if _DECIMAL.fullmatch(written):
        return float(written)
    raise Unconvertible("must be a number, written like 1250.5")


def read_boolean(value: Any) -> Any:
    """Read true or false: in English, in Vietnamese, or as 1 or 0."""
    if isinstance(value, bool):
        return value
    written = normalize("NFC", str(value)).strip().lower() if not isinstance(value, float) else _write_number(value)
    if not written:
        return None
    if written in _TRUE:
        return True
    if written in _FALSE:
        return False
    raise Unconvertible("must be true or false, yes or no, 1 or 0, có or không")


def read_gender(value: Any) -> Any:
    """Read a gender, in English or Vietnamese."""
    written = read_text(value)
    return _GENDERS.get(written.lower(), written) if isinstance(written, str) else written


def read_timestamp(value: Any, *, zone: tzinfo | None, time_format: str | None) -> Any:
    """Read a time as milliseconds since 1970-01-01 UTC. `zone` is the zone of times without an offset."""
    if isinstance(value, str):
        written = value.strip()
        return _parse_time(written, zone, time_format) if written else None
    if isinstance(value, date):
        return _milliseconds(value, zone)
    return read_integer(value)


def _parse_time(written: str, zone: tzinfo | None, time_format: str | None) -> int:
    if time_format and (found := _parse_format(written, time_format)):
        return _milliseconds(found, zone)
    if _COMPACT_DAY.fullmatch(written):
        raise Unconvertible("can be read as a day or as milliseconds: give --time-format %Y%m%d, or write 2001-10-31")
    if match := _MILLISECONDS.fullmatch(written):
        return int(match[1])
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        said = f"is no time like {time_format}" if time_format else "is no time that is known"
        raise Unconvertible(
            f"{said}: write 2001-10-31 08:30, or milliseconds since 1970, or say with --time-format how it is written"
        ) from None
    return _milliseconds(found, zone)


def read_day(value: Any, *, time_format: str | None) -> Any:
    """Read a day as text, `yyyy-MM-dd`."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    written = read_text(value)
    if time_format and isinstance(written, str) and (found := _parse_format(written, time_format)):
        return found.date().isoformat()
    return written


def read_list(value: Any) -> Any:
    """Read a list of texts: a list, a JSON array, or texts separated by `;`."""
    if isinstance(value, list):
        return [read_text(member) for member in value]
    if not isinstance(value, str):
        return [read_text(value)]
    written = normalize("NFC", value).strip()
    if written.startswith("["):
        return [read_text(member) for member in read_json(written)]
    return [member for part in written.split(";") if (member := part.strip())] or None


def read_json(value: Any) -> Any:
    """Read an object or a list, also from JSON text."""
    if not isinstance(value, str) or not value.strip():
        return value or None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Unconvertible('must be JSON, like {"name": "value"} or ["value"]') from None


def write_cell(value: Any) -> Any:
    """Write a value as text that reads as the same value again."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _write_number(value)
    if isinstance(value, (date, time)):
        return _write_date(value)
    if isinstance(value, (Mapping, list)):
        return orjson.dumps(value).decode()
    return value


def _write_number(value: float) -> str:
    """Write a number; a fraction of zero is left out: 123.0 is 123."""
    return (
        str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_EXACT else str(value)
    )


def _write_date(value: date | time) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() and not value.tzinfo else value.isoformat(" ")
    return value.isoformat()


def _parse_format(written: str, time_format: str) -> datetime | None:
    try:
        return datetime.strptime(written, time_format)  # noqa: DTZ007 -- the zone is added by the caller
    except ValueError:
        return None


def _milliseconds(value: date, zone: tzinfo | None) -> int:
    found = value if isinstance(value, datetime) else datetime.combine(value, time())
    if found.tzinfo is None:
        if zone is None:
            raise Unconvertible("has no offset from UTC: say with --zone where the times are from")
        found = found.replace(tzinfo=zone)
    return (found - _EPOCH) // _MILLISECOND
