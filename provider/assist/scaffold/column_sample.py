"""The columns of a table, each with the values a sample of the rows holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import CHAR, Column, Date, DateTime, LargeBinary, String, Table
from sqlalchemy.types import TypeEngine

from provider.assist.inspection.column_meaning import likely_phone, likely_secret, personal_kind
from provider.assist.inspection.sampling import sample
from provider.assist.inspection.value_meaning import StoredPhone, is_iso_date, looks_like_email, read_stored_phone
from provider.database.sources import Source
from provider.dataset.conversion import base_type
from provider.errors import SourceUnavailable, Timeout

CLEAN = 0.8
"""The share of values that decides what a column holds, whatever its name."""

_PHONE_DIGITS = range(8, 16)


@dataclass(eq=False)
class SampledColumn:
    """A column and its sampled values. `phones` are the values read as phones, empty when it cannot hold phones."""

    column: Column[Any]
    values: list[Any] = field(default_factory=list)
    phones: list[StoredPhone] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def kind(self) -> TypeEngine[Any]:
        """The column's type."""
        return base_type(self.column)

    @property
    def is_text(self) -> bool:
        """Whether the column holds text."""
        return isinstance(self.kind, String)

    @property
    def is_time(self) -> bool:
        """Whether the column sorts by date: it holds dates, or only text in ISO 8601."""
        if isinstance(self.kind, (Date, DateTime)):
            return True
        return self.is_text and bool(self.values) and all(map(is_iso_date, self.values))

    @property
    def has_digits(self) -> bool:
        """Whether most of the texts have as many digits as a phone. Reading them as phones takes much longer."""
        if not self.is_text or not self.values:
            return False
        digits = [sum(character.isdigit() for character in str(value)) for value in self.values]
        return sum(count in _PHONE_DIGITS for count in digits) / len(digits) >= CLEAN

    @property
    def holds_phones(self) -> float:
        """The share of phones among the values."""
        return sum(it.phone is not None for it in self.phones) / len(self.phones) if self.phones else 0.0

    @property
    def holds_formed_phones(self) -> float:
        """The share of values that are phones in a form a lookup knows."""
        return sum(it.form is not None for it in self.phones) / len(self.values) if self.values else 0.0

    @property
    def holds_emails(self) -> float:
        """The share of emails among the values."""
        return sum(map(looks_like_email, self.values)) / len(self.values) if self.values else 0.0

    @property
    def personal_data(self) -> str | None:
        """The kind of personal data that the column's name hints at, or its values; None for none."""
        if hint := personal_kind(self.name):
            return hint
        if self.holds_emails >= 1 - CLEAN:
            return "email"
        return "phone" if self.holds_formed_phones >= 1 - CLEAN else None


@dataclass(frozen=True)
class SampledTable:
    """A table of a source, its columns by name, the number of sampled rows, and warnings for the person who asked."""

    source: Source
    table: Table
    columns: Mapping[str, SampledColumn]
    rows: int
    warnings: Sequence[str]


def sample_table(source: Source, table: Table, *, region: str, phone: str | None) -> SampledTable:
    """Read a sample of a table, without the columns that look like secrets.

    `phone` names a column that is known to hold phones. Rows that cannot be read, or not in time, give a warning, not
    an error.
    """
    columns = {it.name: SampledColumn(it) for it in table.columns}
    readable = [it for it in columns.values() if not isinstance(it.kind, LargeBinary) and not likely_secret(it.name)]
    try:
        _, rows = sample(source, table, [it.column for it in readable])
    except (Timeout, SourceUnavailable, UnicodeError):
        warning = "Its rows could not be read, or not in time: the guesses are from the names alone."
        return SampledTable(source, table, columns, 0, [warning])
    for it, values in zip(readable, zip(*rows, strict=True), strict=False):
        padded = isinstance(it.kind, CHAR)
        it.values = [
            value.rstrip(" ") if padded and isinstance(value, str) else value
            for value in values
            if value is not None and str(value).strip()
        ]
        if likely_phone(it.name) or it.name == phone or it.has_digits:
            it.phones = [read_stored_phone(value, region=region) for value in it.values]
    warnings = [] if rows else ["It has no rows: the guesses are from the names alone."]
    return SampledTable(source, table, columns, len(rows), warnings)
