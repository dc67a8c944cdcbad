"""Reads records from a database, for table, entity and profile datasets."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import ColumnElement

from provider.database.sources import OWN, Source, Sources
from provider.database.statements import Statement
from provider.dataset.base import Dataset, Found, Query
from provider.dataset.conversion import Convert, driver_conversion
from provider.errors import Ambiguous, ConfigurationError, SourceUnavailable

LOCK_TIMEOUT = 0.5
"""Seconds a lookup waits while another one prepares the dataset."""

Fields = Sequence[tuple[str, Convert | None]]
"""The names of a record's fields, each with what converts the driver's value."""


class RecordStatement(Protocol):
    """The SQL of a kind of dataset.

    A row begins with the values of `columns`, those of the record. When several identifiers are tried in order, the
    last value of a row says which one found it. In a list, the value before it is the total. `most` is how many rows a
    lookup needs.
    """

    most: int

    @property
    def columns(self) -> Sequence[ColumnElement[Any]]:
        """The columns of the record."""

    def for_query(self, query: Query) -> tuple[Statement, Mapping[str, Any]] | None:
        """Return the statement for a query and the values to bind; None when no row can match."""

    def for_check(self) -> tuple[Statement, Mapping[str, Any]]:
        """Return a statement that finds nothing, and its values, to check that the database accepts it."""


class RecordReader:
    """Runs the prepared statement of a lookup and makes records of its rows.

    `record` makes the record of a row, or None of a row without a person. `shape` is that of the dataset.
    """

    def __init__(
        self,
        source: Source,
        statement: RecordStatement,
        record: Callable[[Sequence[Any]], Found | None],
        *,
        shape: str = "object",
    ) -> None:
        self.source = source
        self.statement = statement
        self.record = record
        self._is_list = shape == "list"

    def read(self, query: Query) -> Found | None:
        """Find what a query asks for, None when nobody matches; Ambiguous, SourceUnavailable, Timeout."""
        prepared = self.statement.for_query(query)
        if prepared is None:
            return None
        _, rows = self.source.fetch(*prepared, self.statement.most)
        if not rows:
            return None
        if self._is_list:
            first = [row for row in rows if row[-1] == rows[0][-1]]
            return {"total": first[0][-2], "items": [self.record(row) for row in first]}
        if len(rows) > 1 and rows[0][-1] == rows[1][-1]:
            raise Ambiguous
        for row in rows:
            found = self.record(row)
            if found is not None:
                return found
        return None


class DatabaseDataset(Dataset):
    """A dataset whose records come from the database `source_name`, by prepared statements."""

    source_name = OWN
    _sources: Sources | None = None
    _reader: RecordReader | None = None

    def reader(self, source: Source) -> RecordReader:
        """Prepare the statements; ConfigurationError, SourceUnavailable."""
        raise NotImplementedError

    def prepare(self, sources: Sources, *, hash_key: bytes = b"") -> None:
        """Prepare the statements.

        ConfigurationError names what the settings or the database lack. SourceUnavailable when the database does not
        answer: the first lookup after it is back prepares the dataset.
        """
        self._sources, self.hash_key, self._preparing = sources, hash_key, Lock()
        self._reader = self._prepared(sources)

    def fetch(self, query: Query) -> Found | None:
        """Find the record a query asks for, None when nobody matches; Ambiguous, SourceUnavailable, Timeout."""
        return (self._reader or self._prepare_late()).read(query)

    def _prepared(self, sources: Sources) -> RecordReader:
        try:
            return self.reader(sources[self.source_name])
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.declared_at}: {error}") from None

    def _prepare_late(self) -> RecordReader:
        """Prepare the dataset in the first lookup after the database is back; lookups at the same time do it once."""
        if self._sources is None:
            raise RuntimeError(f"{self.declared_at}: {self.name} is used before it is prepared")
        if not self._preparing.acquire(timeout=LOCK_TIMEOUT):
            raise SourceUnavailable
        try:
            self._reader = self._reader or self._prepared(self._sources)
        except ConfigurationError as error:
            raise SourceUnavailable from error
        finally:
            self._preparing.release()
        return self._reader


def driver_conversions(source: Source, statement: RecordStatement) -> list[Convert | None]:
    """Run a statement, and return how the driver's values of each column are converted; ConfigurationError."""
    description = source.check(*statement.for_check())
    return [
        driver_conversion(column.type, source.engine.dialect, described[1])
        for column, described in zip(statement.columns, description, strict=False)
    ]


def filled_fields(fields: Fields, row: Sequence[Any]) -> Found:
    """Make a record of the values that are not blank; of fields with the same name, the first counts."""
    record: Found = {}
    for (name, convert), value in zip(fields, row, strict=False):
        if value is not None and value != "" and name not in record:
            record[name] = convert(value) if convert else value
    return record
