"""Masks, which show personal data only in part."""

import datetime as dt
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any

_KEPT = 4
_YEAR = re.compile(r"\d{4}(?=-)")


def _last_four(value: Any, _: bytes) -> str:
    text = str(value)
    hidden = max(len(text) - _KEPT, min(len(text), _KEPT))
    return "*" * hidden + text[hidden:]


def _hash(value: Any, key: bytes) -> str:
    """Hash with the key of this installation: equal values have equal hashes, and a hash does not reveal its value."""
    return hmac.digest(key, str(value).encode(errors="replace"), "sha256").hex()[:32]


def _year(value: Any, _: bytes) -> int | None:
    if isinstance(value, dt.date):
        return value.year
    match = _YEAR.match(str(value))
    return int(match[0]) if match else None


def _hide(_: Any, __: bytes) -> None:
    return None


MASKS: Mapping[str, Callable[[Any, bytes], Any]] = {
    "last4": _last_four,
    "hash": _hash,
    "year": _year,
    "hide": _hide,
}
"""`last4` keeps the last four characters, `hash` gives a keyed hash, `year` the year of a date, `hide` nothing."""


def mask(value: Any, how: str, key: bytes) -> Any:
    """Mask one value; null stays null."""
    return None if value is None else MASKS[how](value, key)


def visible_part(record: Mapping[str, Any], visible: Mapping[str, str | None], key: bytes) -> dict[str, Any]:
    """Return the fields of a record that may be seen, each with its mask."""
    shown = {
        name: mask(value, how, key) if (how := visible[name]) else value
        for name, value in record.items()
        if name in visible
    }
    return {name: value for name, value in shown.items() if value is not None}
