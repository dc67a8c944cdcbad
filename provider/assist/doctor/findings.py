"""Symptoms: what a sample of rows tells about a table's health. No whole value of anybody is ever repeated."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeEngine

from provider.assist.inspection.column_meaning import Written, how_written, masked
from provider.contract.identity import canonical_email
from provider.dataset.columns import Column, Field
from provider.dataset.conversion import CONVERSIONS, Convert
from provider.errors import InvalidEmail

OK, WARNING, ERROR = "ok", "warning", "error"

_LOST = re.compile(r"[^\W\d_]\?[^\W\d_]")
_DECLARED = {"national": "0359677657", "e164": "+84359677657", "international": "84359677657"}
_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Finding:
    """One thing the doctor has to say. `check` names the rule, `advice` says what to do, `sql` what to run for it."""

    level: str
    check: str
    message: str
    advice: str = ""
    sql: str = ""


@dataclass(frozen=True)
class Compared:
    """A sampled value of an identifier, as a lookup compares it."""

    value: Any
    lowered: bool = True
    """It equals itself in small letters, in the database's own eyes."""

    trimmed: bool = False
    """It equals itself without blanks at its end, in the database's own eyes."""

    @property
    def seen(self) -> Any:
        """The value as a comparison sees it."""
        return self.value.rstrip(" ") if self.trimmed and isinstance(self.value, str) else self.value


@dataclass(frozen=True)
class Met:
    """The identifiers of a sample that are worth asking for: as sent by a caller, and whether a lookup finds them."""

    found: Sequence[str]
    lost: int


def phones(
    sampled: Sequence[Compared], stored: Column, forms: Callable[[str], Sequence[Any]], *, region: str
) -> tuple[list[Finding], Met]:
    """Find the phones no lookup will ever match; `forms` says what a lookup of a phone compares with."""
    values = [it for it in sampled if it.value is not None and str(it.value).strip()]
    found: list[str] = []
    troubles: Counter[str] = Counter()
    examples: dict[str, str] = {}
    separators: set[str] = set()
    for it in values:
        written = how_written(it.seen, region=region)
        if written.phone and _among(it.seen, forms(written.phone.e164)):
            found.append(written.phone.e164)
            continue
        trouble = _trouble(written, region)
        troubles[trouble] += 1
        separators.update(written.separators)
        examples.setdefault(trouble, masked(it.value))
    findings = [
        Finding(
            ERROR if not found else WARNING,
            "phones",
            f"{count} of {len(values)} sampled phones will not be found: {trouble}, like {examples[trouble]}.",
            _cure(trouble, stored, separators),
        )
        for trouble, count in troubles.most_common()
    ]
    if values and not findings:
        findings = [Finding(OK, "phones", f"all {len(values)} sampled phones are in a declared form")]
    return findings, Met(found, len(values) - len(found))


def _among(value: Any, forms: Sequence[Any]) -> bool:
    if isinstance(value, str):
        return value in forms
    try:
        return any(int(form) == value for form in forms)
    except (TypeError, ValueError):
        return value in forms


def _trouble(written: Written, region: str) -> str:
    if written.phone is None:
        return f"{written.trouble} ({region})" if written.trouble == "no valid phone" else written.trouble
    if written.form and written.separators:
        return f"{written.form} with blanks or dashes"
    return f"{written.form} (as in {_DECLARED[written.form]})" if written.form else written.trouble


def _cure(trouble: str, stored: Column, separators: set[str]) -> str:
    form = trouble.partition(" ")[0]
    if "with blanks or dashes" in trouble:
        expression = stored.expression or stored.name
        for letter in sorted(separators):
            expression = f"replace({expression}, {letter!r}, '')"
        also = "" if form in stored.stored_as else f" and add {form!r} to stored_as"
        return f"Clean them, or declare Column({stored.name!r}, expression={expression!r}){also}."
    if form in _DECLARED:
        forms = ", ".join(repr(it) for it in _DECLARED if it == form or it in stored.stored_as)
        return f"Declare them: stored_as=({forms})."
    if trouble == "without the leading 0":
        return "Put the 0 back, or declare an expression that does."
    return "Correct them in the database, or leave it at that: nobody is found by them."


def emails(sampled: Sequence[Compared], stored: Column) -> tuple[list[Finding], Met]:
    """Find the emails no lookup will ever match: it asks in lower case."""
    values = [it for it in sampled if isinstance(it.value, str) and it.value.strip()]
    found: list[str] = []
    troubles: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for it in values:
        try:
            canonical = canonical_email(it.value)
        except InvalidEmail:
            trouble = "no valid email"
        else:
            seen = str(it.seen)
            if seen == canonical or (seen.lower() == canonical and (it.lowered or stored.case_insensitive)):
                found.append(canonical)
                continue
            trouble = "they have capitals, and a lookup asks in lower case" if seen.lower() == canonical else "odd"
            trouble = "blanks or odd characters around them" if trouble == "odd" else trouble
        troubles[trouble] += 1
        examples.setdefault(trouble, masked(it.value))
    findings = [
        Finding(
            ERROR if not found else WARNING,
            "emails",
            f"{count} of {len(values)} sampled emails will not be found: {trouble}, like {examples[trouble]}.",
            f"Declare Column({stored.name!r}, case_insensitive=True)."
            if "capitals" in trouble
            else "Correct them in the database, or leave it at that: nobody is found by them.",
        )
        for trouble, count in troubles.most_common()
    ]
    if values and not findings:
        findings = [Finding(OK, "emails", f"all {len(values)} sampled emails can be found")]
    return findings, Met(found, len(values) - len(found))


def undecodable(where: str, kind: TypeEngine[Any], values: Sequence[Any]) -> Iterator[Finding]:
    """Find text that was broken on its way into the table, or that is no text at all."""
    text = [value for value in values if isinstance(value, str)]
    raw = [value for value in values if isinstance(value, (bytes, bytearray, memoryview))]
    broken = [value for value in text if "\ufffd" in value]
    twice = [value for value in text if _encoded_twice(value)]
    lost = [value for value in text if _LOST.search(value)]
    if broken:
        yield Finding(
            WARNING,
            "text",
            f"{where} holds text that is not UTF-8 in {len(broken)} of {len(values)} sampled rows.",
            "It is shown with marks where it is broken. Convert it in the database.",
        )
    if twice:
        yield Finding(
            WARNING,
            "text",
            f"{where} holds text that was encoded twice in {len(twice)} of {len(values)} sampled rows: an accented "
            "letter became two or three odd ones.",
            "Convert it in the database: as it is, it is shown like that.",
        )
    if lost:
        yield Finding(
            WARNING,
            "text",
            f"{where} seems to have lost letters to question marks in {len(lost)} of {len(values)} sampled rows.",
            "They cannot be got back from here; look for where the data came from.",
        )
    if raw and not isinstance(kind, LargeBinary):
        yield Finding(WARNING, "text", f"{where} holds bytes in {len(raw)} of {len(values)} sampled rows, not text.")
    elif raw:
        yield Finding(WARNING, "text", f"{where} holds bytes, which are shown as base64.")


def _encoded_twice(value: str) -> bool:
    if value.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            value.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False


def empty(name: str, field: Field, values: Sequence[Any]) -> Iterator[Finding]:
    """Find a field that nobody will ever see."""
    if values and all(value is None or value == "" for value in values):
        yield Finding(
            WARNING,
            "null",
            f"{name} ({field.column}) is null in all {len(values)} sampled rows: the field is never shown.",
            "Take it out of the record, or name the column that is filled.",
        )


def inconvertible(name: str, field: Field, driver: Convert | None, values: Sequence[Any]) -> Iterator[Finding]:
    """Find values that Field(convert=...) cannot convert, or Field(values=...) does not map: they are left out."""
    present = [value for value in values if value is not None]
    converted = []
    failed: list[Any] = []
    for value in present:
        try:
            given = driver(value) if driver else value
            converted.append(_strict(field.convert, given))
        except _FAILURES:
            failed.append(value)
    if failed:
        how = field.convert if isinstance(field.convert, str) else getattr(field.convert, "__name__", "a function")
        yield Finding(
            WARNING,
            "convert",
            f"{name} ({field.column}) cannot be made {how} in {len(failed)} of {len(present)} sampled rows, "
            f"like {masked(failed[0])}: the field is left out there.",
            "Give a function of your own as convert=, or correct the values.",
        )
    if field.values is not None and field.otherwise is None:
        unknown = [value for value in converted if value is not None and not _mapped(value, field)]
        if unknown:
            yield Finding(
                WARNING,
                "values",
                f"{name} ({field.column}) has values that values= does not map in {len(unknown)} of {len(present)} "
                f"sampled rows, of type {type(unknown[0]).__name__}, like {masked(unknown[0])}: they are left out.",
                "Map them too, or give otherwise=.",
            )


def _strict(convert: Any, value: Any) -> Any:
    if convert is None or value is None:
        return value
    return CONVERSIONS[convert](value) if isinstance(convert, str) else convert(value)


def _mapped(value: Any, field: Field) -> bool:
    try:
        return value in (field.values or {})
    except TypeError:
        return False


def newest(column: str, values: Sequence[Any]) -> Iterator[Finding]:
    """Find a newest_by that does not tell which row is newest."""
    present = [value for value in values if value is not None]
    if values and not present:
        yield Finding(
            WARNING,
            "newest",
            f"newest_by={column!r} is null in all {len(values)} sampled rows: which row counts is left to chance.",
            "Name a date column that is filled.",
        )
    unsortable = [value for value in present if isinstance(value, str) and not _sorts(value)]
    if unsortable:
        yield Finding(
            WARNING,
            "newest",
            f"newest_by={column!r} is text that does not sort by date in {len(unsortable)} of {len(present)} sampled "
            f"rows, like {masked(unsortable[0])}.",
            "Name a column of a date type, or one that reads 2026-12-31.",
        )


def _sorts(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
