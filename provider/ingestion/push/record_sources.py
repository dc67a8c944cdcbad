"""Record sources: where the records of a push come from. A source is stored with its push, to be opened again."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import Engine, select

from provider.auth.keys import derive_key
from provider.contract.entities import ENTITIES
from provider.contract.record import flat
from provider.database.sources import Sources
from provider.dataset import TableDataset
from provider.dataset.discover import discover
from provider.errors import ConfigurationError
from provider.ingestion.push.batches import SourceRecord
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.readers import EXCEL, FileRows
from provider.records.importing.row_conversion import RowConversion
from provider.settings import Settings
from provider.store.entity_tables import TABLES, record_of

_QUERY_SECONDS = 3600.0
"""How long a query may take: it reads a whole table."""

_ROWS = 500
"""Rows that are fetched at a time."""


@dataclass(frozen=True)
class SourceContext:
    """What a source is read with. A source that keeps order leaves out the first `skip` records."""

    object_type: str
    settings: Settings
    engine: Engine
    skip: int = 0

    def make_record(self, place: str, row: Mapping[str, Any]) -> SourceRecord:
        """Convert a row and name its place; a row of an unknown type stays as it is."""
        record, problems = self._convert(row)
        return SourceRecord(place, record or dict(row), problems)

    @cached_property
    def _convert(self) -> Callable[[Mapping[str, Any]], tuple[dict[str, Any], dict[str, str]]]:
        entity = ENTITIES.get(self.object_type)
        if entity is None:
            return _convert_unknown
        return RowConversion(entity, {}, region=self.settings.phone_region, keeps_unknown=True)

    def open_sources(self) -> Sources:
        """Open the partner's databases for queries that may take an hour."""
        return Sources(self.settings.sources, limit=_QUERY_SECONDS)


@dataclass(frozen=True)
class RecordSource(ABC):
    """Where the records of a push come from. The fields are JSON values: they are stored in the push's row."""

    kind: ClassVar[str]
    """The name under which the source is stored; see `load_source`."""

    keeps_order: ClassVar[bool] = False
    """Whether reading it again gives the same records in the same order.

    Then a push may send while it reads, and an interrupted push continues after the last record it read. Otherwise all
    records are read before the first one is sent.
    """

    @property
    def expected(self) -> int | None:
        """How many records there are, roughly; None when that is not known before they are read."""
        return None

    def dump(self) -> dict[str, Any]:
        """Return the source as JSON values, from which `load_source` makes it again."""
        return {"kind": self.kind, **asdict(self)}

    @abstractmethod
    def describe(self) -> str:
        """Name the source for people."""

    @abstractmethod
    def read(self, context: SourceContext) -> Generator[SourceRecord]:
        """Read the records; ConfigurationError for what cannot be read. The caller closes the generator."""

    def check_unchanged(self) -> None:  # noqa: B027 -- only a file can be compared
        """Check that the records are the same as when the push began; ConfigurationError."""


@dataclass(frozen=True)
class FileSource(RecordSource):
    """The rows of a file. `sha256` shows whether it changed; `lines` is None for Excel, which is compressed."""

    kind = "file"
    keeps_order = True

    path: str
    sha256: str
    lines: int | None

    @classmethod
    def of(cls, path: Path) -> Self:
        """Hash a file and count its lines; ConfigurationError."""
        try:
            with path.open("rb") as file:
                digest, lines = hashlib.sha256(), 0
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                    lines += chunk.count(b"\n")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
        counted = None if path.suffix.lower() in EXCEL else lines
        return cls(str(path.resolve()), digest.hexdigest(), counted)

    @property
    def expected(self) -> int | None:
        """Return the number of lines."""
        return self.lines

    def describe(self) -> str:
        """Name the file without its folder."""
        return f"file {Path(self.path).name}"

    def read(self, context: SourceContext) -> Generator[SourceRecord]:
        """Read the rows as `provider import` does."""
        with FileRows(Path(self.path)) as rows:
            for number, row in islice(rows, context.skip, None):
                yield context.make_record(f"row {number}", row)

    def check_unchanged(self) -> None:
        """Compare the file's hash and lines with those of the beginning."""
        if self.of(Path(self.path)) != self:
            raise ConfigurationError(
                f"{self.path} has changed since this push began, so it cannot be read on. "
                "Put the old file back, or begin a new push: what Pango has already is only overwritten."
            )


@dataclass(frozen=True)
class StoredSource(RecordSource):
    """The records in an entity's own table, all or those stored since a time (ISO 8601)."""

    kind = "stored"

    since: str | None

    def describe(self) -> str:
        """Name the table's records."""
        return f"stored since {self.since}" if self.since else "stored"

    def read(self, context: SourceContext) -> Generator[SourceRecord]:
        """Read the records in the order in which they were first stored."""
        object_type = context.object_type
        if object_type not in TABLES:
            raise ConfigurationError(f"No {object_type} is stored here. There are: {', '.join(TABLES)}.")
        table, entity = TABLES[object_type], ENTITIES[object_type]
        chosen = select(table).order_by(table.c.row_id)
        if self.since:
            chosen = chosen.where(table.c.stored_at >= datetime.fromisoformat(self.since))
        with context.engine.connect() as connection:
            rows = connection.execution_options(yield_per=_ROWS).execute(chosen)
            for row in rows.mappings():
                yield SourceRecord(f"row {row['row_id']}", record_of(entity, dict(row)))


@dataclass(frozen=True)
class DatasetSource(RecordSource):
    """All rows of datasets over tables."""

    kind = "dataset"

    names: list[str]

    def describe(self) -> str:
        """Name the datasets."""
        return f"dataset {', '.join(self.names)}"

    def read(self, context: SourceContext) -> Generator[SourceRecord]:
        """Read the datasets one after the other."""
        datasets = _find_datasets(self.names, context.settings)
        hash_key = derive_key(context.settings.require_secret_key(), "masks")
        with closing(context.open_sources()) as sources:
            for dataset in datasets:
                dataset.prepare(sources, hash_key=hash_key)
            for dataset in datasets:
                for number, record in enumerate(dataset.all(), 1):
                    yield context.make_record(f"{dataset.name}, row {number}", record)


@dataclass(frozen=True)
class QuerySource(RecordSource):
    """The rows of a SQL query on one of the partner's databases."""

    kind = "sql"

    sql: str
    source: str

    def describe(self) -> str:
        """Name the database."""
        return f"SQL on {self.source}"

    def read(self, context: SourceContext) -> Generator[SourceRecord]:
        """Run the query; its columns are named like the fields."""
        with closing(context.open_sources()) as sources:
            for number, row in enumerate(sources[self.source].stream(self.sql), 1):
                yield context.make_record(f"row {number}", _as_json_values(dict(row)))


_SOURCES: dict[str, type[RecordSource]] = {
    source.kind: source for source in (FileSource, StoredSource, DatasetSource, QuerySource)
}


def load_source(stored: Mapping[str, Any]) -> RecordSource:
    """Make a source from what `dump` returned, and what pushes of earlier releases stored."""
    fields = dict(stored)
    return _SOURCES[fields.pop("kind")](**fields)


def _find_datasets(names: list[str], settings: Settings) -> list[TableDataset]:
    known = discover(settings.datasets)
    found: list[TableDataset] = []
    for name in names:
        if name not in known:
            raise ConfigurationError(f"There is no dataset {name!r}. There are: {', '.join(known)}.")
        dataset = known[name]
        if not isinstance(dataset, TableDataset):
            raise ConfigurationError(f"Dataset {name} is a function that finds one person: it has no rows to push.")
        found.append(dataset)
    return found


def _convert_unknown(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    return ({}, {"": row.reason}) if isinstance(row, BrokenRow) else (dict(row), {})


def _as_json_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Make JSON values of a query's row. Times, lists and objects stay: the conversion reads them by the field."""
    kept = {name: value for name, value in row.items() if isinstance(value, (date, list, dict))}
    return {**flat({name: value for name, value in row.items() if name not in kept}), **kept}
