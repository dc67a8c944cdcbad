"""Whether the sampled values can be shown, and whether newest_by says which row is newest.

Findings quote values masked, never whole.
"""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeEngine

from provider.assist.doctor.findings import WARNING, Findings
from provider.assist.inspection.value_meaning import is_iso_date, masked
from provider.dataset.columns import Field
from provider.dataset.conversion import CONVERSIONS, Convert

_LOST_CHARACTER = re.compile(r"[^\W\d_]\?[^\W\d_]")
_CONVERSION_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def check_text(column: str, kind: TypeEngine[Any], values: Sequence[Any], findings: Findings) -> None:
    """Report text in a wrong encoding, and bytes, which are no text."""
    text = [value for value in values if isinstance(value, str)]
    for broken, what, advice in (
        (
            sum("\ufffd" in value for value in text),
            "holds text that is not UTF-8",
            "It is shown with marks where it is broken. Convert it in the database.",
        ),
        (
            sum(map(_is_encoded_twice, text)),
            "holds text that was encoded twice",
            "An accented letter became two or three odd ones, and is shown like that. Convert it in the database.",
        ),
        (
            sum(bool(_LOST_CHARACTER.search(value)) for value in text),
            "seems to have lost letters to question marks",
            "They cannot be got back from here; look for where the data came from.",
        ),
    ):
        if broken:
            findings.add(WARNING, "text", f"{column} {what} in {broken} of {len(values)} sampled rows.", advice)
    raw = sum(isinstance(value, (bytes, bytearray, memoryview)) for value in values)
    if raw and isinstance(kind, LargeBinary):
        findings.add(WARNING, "text", f"{column} holds bytes, which are shown as base64.")
    elif raw:
        findings.add(WARNING, "text", f"{column} holds bytes in {raw} of {len(values)} sampled rows, not text.")


def _is_encoded_twice(value: str) -> bool:
    if value.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            value.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False


def check_empty(name: str, field: Field, values: Sequence[Any], findings: Findings) -> None:
    """Report a record field whose column is always null."""
    if all(value is None or value == "" for value in values):
        findings.add(
            WARNING,
            "null",
            f"{name} ({field.column}) is null in all {len(values)} sampled rows: the field is never shown.",
            "Take it out of the record, or name the column that is filled.",
        )


def check_conversion(
    name: str, field: Field, from_driver: Convert | None, values: Sequence[Any], findings: Findings
) -> None:
    """Report values that Field(convert=...) cannot convert or Field(values=...) does not map: they are not shown.

    `from_driver` converts what the driver returns, None when nothing is to be converted.
    """
    present = [value for value in values if value is not None]
    failed: list[Any] = []
    unmapped: list[Any] = []
    for value in present:
        try:
            converted = _convert(field, from_driver(value) if from_driver else value)
        except _CONVERSION_ERRORS:
            failed.append(value)
        else:
            if converted is not None and not _is_mapped(converted, field):
                unmapped.append(converted)
    if failed:
        how = field.convert if isinstance(field.convert, str) else getattr(field.convert, "__name__", "a function")
        findings.add(
            WARNING,
            "convert",
            f"{name} ({field.column}) cannot be made {how} in {len(failed)} of {len(present)} sampled rows, "
            f"like {masked(failed[0])}: the field is left out there.",
            "Give a function of your own as convert=, or correct the values.",
        )
    if unmapped:
        findings.add(
            WARNING,
            "values",
            f"{name} ({field.column}) has values that values= does not map in {len(unmapped)} of {len(present)} "
            f"sampled rows, of type {type(unmapped[0]).__name__}, like {masked(unmapped[0])}: they are left out.",
            "Map them too, or give otherwise=.",
        )


def _convert(field: Field, value: Any) -> Any:
    """Convert a value as the field does, but raise where the field leaves it out."""
    if field.convert is None or value is None:
        return value
    return CONVERSIONS[field.convert](value) if isinstance(field.convert, str) else field.convert(value)


def _is_mapped(value: Any, field: Field) -> bool:
    if field.values is None or field.otherwise is not None:
        return True
    try:
        return value in field.values
    except TypeError:
        return False


def check_newest(column: str, values: Sequence[Any], findings: Findings) -> None:
    """Report a newest_by that does not say which row is newest."""
    present = [value for value in values if value is not None]
    if not present:
        findings.add(
            WARNING,
            "newest",
            f"newest_by={column!r} is null in all {len(values)} sampled rows: which row counts is left to chance.",
            "Name a date column that is filled.",
        )
    unsortable = [value for value in present if isinstance(value, str) and not is_iso_date(value)]
    if unsortable:
        findings.add(
            WARNING,
            "newest",
            f"newest_by={column!r} is text that does not sort by date in {len(unsortable)} of {len(present)} sampled "
            f"rows, like {masked(unsortable[0])}.",
            "Name a column of a date type, or one that reads 2026-12-31.",
        )
