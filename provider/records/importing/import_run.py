"""The import of a file: its rows read, converted, checked and stored, batch by batch; the others set aside."""

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
from provider.records.importing.file_rows import Broken
from provider.records.importing.import_progress import Bookmark, Tally, count, identify
from provider.records.importing.readers import Rows, read
from provider.records.importing.rejected_rows import RejectedFile, Rejection, can_go_on
from provider.records.importing.row_conversion import Conversion
from provider.store.entity_tables import TABLES, row_of, utc_now
from provider.store.upsert import make_upsert

BATCH = 1_000

_TOO_MUCH = "holds something the database does not take, such as a text that is too long for it"


@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """How the rows of a file are to be understood; see `Conversion`."""

    region: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row that is to be stored: its number in the file, and its values in the entity's table."""

    number: int
    values: dict[str, Any]


class Importing:
    """One run over one file. With `dry_run` nothing is written."""

    def __init__(self, engine: Engine, entity: Entity, path: Path, read_as: ReadAs, *, dry_run: bool = False) -> None:
        self._engine, self._entity, self._path, self._read_as, self._dry_run = engine, entity, path, read_as, dry_run
        self._upsert = make_upsert(TABLES[entity.object_type], (*entity.key, "internalCompanyId"), engine.dialect)
        self.tally = Tally()

    def run(self, tell: Callable[[Rows, Tally], None]) -> None:
        """Do it, telling how far it is after each batch; `tally` is what has become of the rows.

        An interrupted run goes on where it was: what it told is told again.
        """
        with read(self._path) as rows:
            convert = self._conversion(rows)
            if self._dry_run:
                while batch := list(islice(rows, BATCH)):
                    self._judge(batch, convert, self.tally)
                    tell(rows, self.tally)
                return
            bookmark = self._bookmark()
            tell(rows, self.tally)
            title = reason_header(self._entity, self._read_as.mapping)
            with RejectedFile(self._path, rows, title, kept=self.tally.rejected_bytes) as rejected:
                begin = self.tally.position
                fresh = (row for row in rows if row[0] > begin)
                while batch := list(islice(fresh, BATCH)):
                    self._deal(batch, convert, rejected, bookmark)
                    tell(rows, self.tally)
                with self._engine.begin() as connection:
                    bookmark.remove(connection)

    def _conversion(self, rows: Rows) -> Conversion:
        how = self._read_as
        return Conversion(
            self._entity,
            how.mapping,
            region=how.region,
            time_format=how.time_format,
            zone=how.zone,
            keeps_unknown=rows.headers is None,
        )

    def _bookmark(self) -> Bookmark:
        """Find where an earlier run was interrupted, and take over its tally."""
        how = self._read_as
        identity = identify(
            self._path,
            object_type=self._entity.object_type,
            region=how.region,
            mapping=dict(how.mapping),
            time_format=how.time_format,
            zone=str(how.zone),
        )
        bookmark = Bookmark(identity, self._entity.object_type)
        with self._engine.begin() as connection:
            left = bookmark.load(connection)
            if left and can_go_on(self._path, left.rejected_bytes):
                self.tally = left
            elif left:
                bookmark.remove(connection)
        return bookmark

    def _deal(
        self,
        batch: list[tuple[int, dict[str, Any]]],
        convert: Conversion,
        rejected: RejectedFile,
        bookmark: Bookmark,
        refused: frozenset[int] = frozenset(),
    ) -> None:
        """Store a batch, set its rejected rows aside and move the bookmark, all or nothing."""
        tally = deepcopy(self.tally)
        accepted, rejections = self._judge(batch, convert, tally, refused)
        tally.position = batch[-1][0]

        def store(connection: Connection) -> None:
            if accepted:
                connection.execute(self._upsert, [row.values for row in accepted])
            rejected.write(rejections)
            tally.rejected_bytes = rejected.bytes
            bookmark.move(connection, tally)

        try:
            run_in_transaction(self._engine, store)
        except DataError:
            found = self._find_refused(accepted)
            if not found:
                raise
            self._deal(batch, convert, rejected, bookmark, refused | found)
            return
        self.tally = tally

    def _judge(
        self,
        batch: list[tuple[int, dict[str, Any]]],
        convert: Conversion,
        tally: Tally,
        refused: frozenset[int] = frozenset(),
    ) -> tuple[list[Accepted], list[Rejection]]:
        """Tell the rows that are to be stored, the last of each key, from those that are not, and count both."""
        now = utc_now()
        accepted: dict[tuple[str, ...], Accepted] = {}
        rejections: list[Rejection] = []
        for number, row in batch:
            record, problems = convert(row)
            if number in refused:
                problems = {"": _TOO_MUCH}
            elif not isinstance(row, Broken):
                problems = {**self._entity.problems(record), **problems}
            tally.read += 1
            if problems:
                tally.rejected += 1
                count(tally.reasons, problems)
                reason = "; ".join(f"{name} {said}".strip() for name, said in problems.items())
                rejections.append((number, row, reason))
                continue
            tally.stored += 1
            count(tally.warnings, self._entity.warnings(record))
            values = row_of(self._entity, record, region=self._read_as.region, now=now)
            accepted[self._entity.key_of(record)] = Accepted(number, values)
        return list(accepted.values()), rejections

    def _find_refused(self, rows: list[Accepted]) -> frozenset[int]:
        """Find the rows the database refuses, by trying each alone; nothing stays of it."""
        refused = set()
        for row in rows:
            with self._engine.connect() as connection:  # left without a commit
                try:
                    connection.execute(self._upsert, row.values)
                except DataError:
                    refused.add(row.number)
        return frozenset(refused)
