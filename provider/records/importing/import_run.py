"""One import of one file: its rows are read, converted, checked and stored in batches; rejected ones go to a file."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError

from provider.contract.entities import Entity
from provider.database.transactions import run_in_transaction
from provider.records.importing.file_columns import reason_header
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.import_progress import ImportCounts, ImportProgress, count_messages, import_id
from provider.records.importing.readers import FileRows
from provider.records.importing.rejected_rows import RejectedFile, Rejection, can_continue
from provider.records.importing.row_conversion import RowConversion, join_problems
from provider.store.entity_tables import TABLES, row_of, utc_now
from provider.store.upsert import make_upsert

BATCH = 1_000

_REFUSED = "holds something the database does not take, such as a text that is too long for it"


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How the rows of a file are converted: the parameters of `RowConversion`."""

    region: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """A row to store: its number in the file, and its values in the entity's table."""

    number: int
    values: dict[str, Any]


class ImportRun:
    """One import of one file. `counts` says what became of the rows; with `dry_run` nothing is written."""

    def __init__(
        self, engine: Engine, entity: Entity, path: Path, options: ImportOptions, *, dry_run: bool = False
    ) -> None:
        self._engine, self._entity, self._path, self._options, self._dry_run = engine, entity, path, options, dry_run
        self._upsert = make_upsert(TABLES[entity.object_type], (*entity.key, "internalCompanyId"), engine.dialect)
        self.counts = ImportCounts()

    def run(self, report: Callable[[FileRows, ImportCounts], None]) -> None:
        """Import the file, and call `report` at the start and after each batch.

        An interrupted import continues after its last batch; the counts include the earlier run.
        """
        with FileRows(self._path) as rows:
            convert = RowConversion(self._entity, **vars(self._options), keeps_unknown=rows.headers is None)
            if self._dry_run:
                while batch := list(islice(rows, BATCH)):
                    self._check_batch(batch, convert, self.counts)
                    report(rows, self.counts)
                return
            progress = self._load_progress()
            report(rows, self.counts)
            header = reason_header(self._entity, self._options.mapping)
            with RejectedFile(self._path, rows, header, kept=self.counts.rejected_bytes) as rejected:
                position = self.counts.position
                new_rows = (row for row in rows if row[0] > position)
                while batch := list(islice(new_rows, BATCH)):
                    self._store_batch(batch, convert, rejected, progress)
                    report(rows, self.counts)
                with self._engine.begin() as connection:
                    progress.delete(connection)

    def _load_progress(self) -> ImportProgress:
        """Load the progress of an interrupted run; without its file of rejected rows, start again at the first row."""
        object_type = self._entity.object_type
        options = {**vars(self._options), "zone": str(self._options.zone)}
        progress = ImportProgress(import_id(self._path, object_type=object_type, **options), object_type)
        with self._engine.begin() as connection:
            counts = progress.load(connection)
            if counts and can_continue(self._path, counts.rejected_bytes):
                self.counts = counts
            elif counts:
                progress.delete(connection)
        return progress

    def _store_batch(
        self,
        batch: list[tuple[int, dict[str, Any]]],
        convert: RowConversion,
        rejected: RejectedFile,
        progress: ImportProgress,
        refused: frozenset[int] = frozenset(),
    ) -> None:
        """Store a batch, write its rejected rows and save the progress: all of it or nothing.

        `refused` are the numbers of the rows that the database does not accept.
        """
        counts = deepcopy(self.counts)
        accepted, rejections = self._check_batch(batch, convert, counts, refused)
        counts.position = batch[-1][0]

        def store(connection: Connection) -> None:
            if accepted:
                connection.execute(self._upsert, [row.values for row in accepted])
            counts.rejected_bytes = rejected.write(rejections, after=self.counts.rejected_bytes)
            progress.save(connection, counts)

        try:
            run_in_transaction(self._engine, store)
        except DataError:
            newly_refused = self._find_refused(accepted)
            if not newly_refused:
                raise
            self._store_batch(batch, convert, rejected, progress, refused | newly_refused)
            return
        self.counts = counts

    def _check_batch(
        self,
        batch: list[tuple[int, dict[str, Any]]],
        convert: RowConversion,
        counts: ImportCounts,
        refused: frozenset[int] = frozenset(),
    ) -> tuple[list[AcceptedRow], list[Rejection]]:
        """Check a batch and count it; return the rows to store, the last one of each key, and the rejected rows."""
        now = utc_now()
        accepted: dict[tuple[str, ...], AcceptedRow] = {}
        rejections: list[Rejection] = []
        for number, row in batch:
            record, problems = convert(row)
            if number in refused:
                problems = {"": _REFUSED}
            elif not isinstance(row, BrokenRow):
                problems = {**self._entity.problems(record), **problems}
            counts.read += 1
            if problems:
                counts.rejected += 1
                count_messages(counts.reasons, problems)
                rejections.append((number, row, join_problems(problems)))
                continue
            counts.stored += 1
            count_messages(counts.warnings, self._entity.warnings(record))
            values = row_of(self._entity, record, region=self._options.region, now=now)
            accepted[self._entity.key_of(record)] = AcceptedRow(number, values)
        return list(accepted.values()), rejections

    def _find_refused(self, rows: list[AcceptedRow]) -> frozenset[int]:
        """Find the rows that the database refuses: try each alone, and roll back."""
        refused = set()
        for row in rows:
            with self._engine.connect() as connection:  # closed without a commit
                try:
                    connection.execute(self._upsert, row.values)
                except DataError:
                    refused.add(row.number)
        return frozenset(refused)
