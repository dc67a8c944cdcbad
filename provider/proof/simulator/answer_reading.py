"""Reads an answer of the Access Data API as Pango does, and warns of what is outside the contract.

The four roles and the names each may have: PangoCDP, "Access Data API", Data Response.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from provider.contract.envelope import CHOICES

ROLES = {role: tuple(name for name in CHOICES[role] if name) for role in CHOICES if role.endswith("_key")}
"""The names each role may have."""

_TYPES = {
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
    dict: "object",
    list: "list",
}


@dataclass(frozen=True)
class Member:
    """One member of the data object; `type` is text, boolean, number, null, object or list."""

    type: str
    value: Any


@dataclass
class AnswerReading:
    """What Pango reads from an answer. `warnings`: what its documentation forbids or does not promise."""

    success: bool = False
    error_code: Any = None
    message: Any = None
    data: dict[str, Member] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_answer(status: int, body: bytes, names: Mapping[str, str] | None = None) -> AnswerReading:
    """Read an answer. `names`: the keys that are set in Pango's console, by role; else any accepted key counts."""
    reading = AnswerReading()
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        reading.warnings.append("The answer is not one JSON object, so nothing can be read from it.")
        return reading
    keys = {role: _find(role, content, (names or {}).get(role), reading.warnings) for role in ROLES}
    _read_success(content, keys["success_key"], status, reading)
    _read_code_and_message(content, keys["error_code_key"], keys["message_key"], reading)
    _read_data(content, keys["data_key"], reading)
    return reading


def _find(role: str, content: Mapping[str, Any], name: str | None, warnings: list[str]) -> str | None:
    """Return the key that has a role, or None."""
    accepted = ROLES[role]
    present = [key for key in accepted if key in content]
    if len(present) > 1:
        warnings.append(f"{' and '.join(present)} play the same role; which one counts is not documented.")
    if name in content:
        return name
    if name is None and present:
        return present[0]
    if role in ("success_key", "data_key"):
        warnings.append(f"{name or ' or '.join(accepted)} is missing; it is required, on failure too.")
    return None


def _read_success(content: Mapping[str, Any], key: str | None, status: int, reading: AnswerReading) -> None:
    if key is None:
        return
    reading.success = content[key] is True
    if not isinstance(content[key], bool):
        reading.warnings.append(f"{key} is {_type_of(content[key])}; it must be true or false.")
    if reading.success and status >= HTTPStatus.MULTIPLE_CHOICES:
        reading.warnings.append(f"HTTP {status} with a success: Pango may believe either.")


def _read_code_and_message(
    content: Mapping[str, Any], code_key: str | None, message_key: str | None, reading: AnswerReading
) -> None:
    if code_key is not None:
        reading.error_code = content[code_key]
        if _type_of(reading.error_code) not in ("text", "number"):
            reading.warnings.append(f"{code_key} is {_type_of(reading.error_code)}; it must be text or a number.")
    if message_key is not None:
        reading.message = content[message_key]
        if not isinstance(reading.message, str):
            reading.warnings.append(f"{message_key} is {_type_of(reading.message)}; it must be text.")


def _read_data(content: Mapping[str, Any], key: str | None, reading: AnswerReading) -> None:
    if key is None:
        return
    data = content[key]
    if not isinstance(data, dict):
        reading.warnings.append(f"{key} is {_type_of(data)}; it must be an object.")
        return
    reading.data = {name: Member(_type_of(value), value) for name, value in data.items()}
    reading.warnings += [
        f"{key}.{name} is {member.type}; only text, booleans and numbers are documented."
        for name, member in reading.data.items()
        if member.type not in ("text", "boolean", "number")
    ]


def _type_of(value: Any) -> str:
    return _TYPES[type(value)]
