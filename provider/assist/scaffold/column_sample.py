"""Sampled: the columns of a table, and what a sample of its rows holds in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import CHAR, Column, Date, DateTime, LargeBinary, String, Table
from sqlalchemy.types import TypeEngine

from provider.assist.inspection.column_meaning import (
    Written,
    how_written,
    likely_phone,
    likely_secret,
    looks_like_email,
    personal,
)
from provider.assist.inspection.sampling import sample
from provider.database.sources import Source
from provider.dataset.conversion import base_type
from provider.errors import SourceUnavailable, Timeout

CLEAN = 0.8
"""The share of values from which on a column is what they look like, whatever its name."""

_FEW_DIGITS = 7


@dataclass(eq=False)
class SampledColumn:
    """A column and the values met in it; `written` tells of each how it is a phone, where it may be one."""

    column: Column[Any]
    values: list[Any] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name."""
        return self.column.name

    @property
    def kind(self) -> TypeEngine[Any]:
        """Its type."""
        return base_type(self.column)

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return isinstance(self.kind, String)

    @property
    def is_time(self) -> bool:
        """Whether it sorts by date: it holds dates, or nothing but text in ISO 8601."""
        if isinstance(self.kind, (Date, DateTime)):
            return True
        return self.is_text and bool(self.values) and all(map(_is_iso, self.values))

    @property
    def has_digits(self) -> bool:
        """Whether most of its texts have as many digits as a phone: parsing them all takes time."""
        if not self.is_text or not self.values:
            return False
        digits = [sum(letter.isdigit() for letter in str(value)) for value in self.values]
        return sum(_FEW_DIGITS < count < 2 * _FEW_DIGITS + 2 for count in digits) / len(digits) >= CLEAN

    @property
    def holds_phones(self) -> float:
        """The share of phones among its values."""
        return sum(it.phone is not None for it in self.written) / len(self.written) if self.written else 0.0

    @property
    def holds_formed_phones(self) -> float:
        """The share of phones among its values that are in a form a lookup knows."""
        return sum(it.form is not None for it in self.written) / len(self.values) if self.values else 0.0

    @property
    def holds_emails(self) -> float:
        """The share of emails among its values."""
        return sum(map(looks_like_email, self.values)) / len(self.values) if self.values else 0.0

    @property
    def personal_data(self) -> str | None:
        """What personal data its name hints at, or else its values; None for none."""
        if hint := personal(self.name):
            return hint
        if self.holds_emails >= 1 - CLEAN:
            return "email"
        return "phone" if self.holds_formed_phones >= 1 - CLEAN else None


@dataclass(frozen=True)
class SampledTable:
    """A table of a source, its columns by name, how many rows were sampled, and what to mind about them."""

    source: Source
    table: Table
    columns: Mapping[str, SampledColumn]
    rows: int
    cautions: Sequence[str]


def sample_table(source: Source, table: Table, *, region: str, phone: str | None) -> SampledTable:
    """Read a sample of a table, but for what nobody must see; `phone` is the column known to hold phones, if one is.

    Rows that cannot be read, or not in time, are a caution and no error.
    """
    columns = {it.name: SampledColumn(it) for it in table.columns}
    readable = [it for it in columns.values() if not isinstance(it.kind, LargeBinary) and not likely_secret(it.name)]
    try:
        _, rows = sample(source, table, [it.column for it in readable])
    except (Timeout, SourceUnavailable, UnicodeError):
        caution = "Its rows could not be read, or not in time: the guesses are from the names alone."
        return SampledTable(source, table, columns, 0, [caution])
    for it, values in zip(readable, zip(*rows, strict=True), strict=False):
        padded = isinstance(it.kind, CHAR)
        it.values = [
            value.rstrip(" ") if padded and isinstance(value, str) else value
            for value in values
            if value is not None and str(value).strip()
        ]
        if likely_phone(it.name) or it.name == phone or it.has_digits:
            it.written = [how_written(value, region=region) for value in it.values]
    cautions = [] if rows else ["It has no rows: the guesses are from the names alone."]
    return SampledTable(source, table, columns, len(rows), cautions)


def _is_iso(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True
