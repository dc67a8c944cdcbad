"""The outbox: batches are stored in the provider database before they are sent, and deleted with Pango's answer.

A process locks the row of a push before it changes anything of it, so that several processes may work on one push.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from provider.errors import ConfigurationError
from provider.ingestion.push.batches import Entries, RecordGroup, RejectedRecord
from provider.store.provider_database import empty_log
from provider.store.push_tables import Batch, DeadLetter, Push, Sent
from provider.store.upsert import make_insert_new

LEASE_SECONDS = 10.0
"""How long a claimed batch belongs to its process, which extends the lease. Batches of a dead process are free then."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A batch that this process may send until its lease ends."""

    id: int
    payload: bytes
    records: int
    attempts: int


@dataclass(slots=True)
class BatchOutcomes:
    """What answers mean for their batches, to be written in one transaction."""

    accepted: list[tuple[ClaimedBatch, Sequence[str]]] = field(default_factory=list)
    """Batches Pango accepted, each with the references of the records that await a callback."""

    halved: list[tuple[ClaimedBatch, Sequence[Entries]]] = field(default_factory=list)
    """Refused batches of several records, each with its two halves."""

    dead: list[tuple[ClaimedBatch, RejectedRecord]] = field(default_factory=list)
    """Refused batches of one record."""

    later: list[tuple[ClaimedBatch, float, bool, str]] = field(default_factory=list)
    """Batches to send again: when they are due (seconds since 1970), whether it counts as an attempt, and why."""

    requests: int = 0

    def is_empty(self) -> bool:
        """Return whether there is nothing to write."""
        return not (self.accepted or self.halved or self.dead or self.later)


class Outbox:
    """The pushes of a provider database, with their batches and dead letters."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert_sent = make_insert_new(cast("Table", Sent.__table__), engine.dialect)

    def create_push(self, object_type: str, *, source: Mapping[str, Any], request: Mapping[str, Any]) -> str:
        """Store a new push of which nothing is read yet; return its id. `source` is from `RecordSource.dump`."""
        push_id = secrets.token_hex(4)
        with self._engine.begin() as connection:
            connection.execute(
                insert(Push).values(
                    id=push_id,
                    object_type=object_type,
                    origin=dict(source),
                    request=dict(request),
                    reader=None,
                    position=0,
                    accepted=0,
                    dead=0,
                    requests=0,
                    created_at=datetime.now(UTC),
                )
            )
        return push_id

    def get_push(self, push_id: str) -> RowMapping:
        """Return a push; ConfigurationError when there is none."""
        with self._engine.connect() as connection:
            found = connection.execute(select(*Push.__table__.c).where(Push.id == push_id)).mappings().one_or_none()
        if found is None:
            raise ConfigurationError(f"There is no push {push_id!r}. `provider push list` shows them.")
        return found

    def list_pushes(self, *, unfinished: bool = False) -> list[RowMapping]:
        """List the pushes, the newest first."""
        chosen = select(*Push.__table__.c).order_by(Push.created_at.desc(), Push.id)
        if unfinished:
            chosen = chosen.where(Push.finished_at.is_(None))
        with self._engine.connect() as connection:
            return list(connection.execute(chosen).mappings())

    def begin_reading(self, push_id: str, *, from_start: bool) -> tuple[str, int]:
        """Become the only reader of a push; return the reader's id, and how many records to skip.

        `from_start` deletes what an interrupted reading left, none of which was sent.
        """
        reader_id = secrets.token_hex(8)
        with self._locked(push_id) as (connection, push):
            connection.execute(update(Push).where(Push.id == push_id).values(reader=reader_id))
            if not from_start:
                return reader_id, int(push["position"])
            connection.execute(update(Push).where(Push.id == push_id).values(position=0, dead=0))
            connection.execute(delete(Batch).where(Batch.push_id == push_id))
            connection.execute(delete(DeadLetter).where(DeadLetter.push_id == push_id))
            return reader_id, 0

    def append(self, push_id: str, reader_id: str, group: RecordGroup) -> bool:
        """Add the batches and dead letters of a group; False when another process has become the reader."""
        with self._locked(push_id) as (connection, push):
            if push["reader"] != reader_id:
                return False
            progress = {"position": push["position"] + group.read, "dead": push["dead"] + len(group.rejected)}
            connection.execute(update(Push).where(Push.id == push_id).values(progress))
            self._add_batches(connection, push_id, group.entries)
            self._add_dead_letters(connection, push_id, group.rejected)
        return True

    def end_reading(self, push_id: str, reader_id: str) -> bool:
        """Note that the last record is read; False when another process has become the reader."""
        ended = update(Push).where(Push.id == push_id, Push.reader == reader_id).values(read_at=datetime.now(UTC))
        with self._locked(push_id) as (connection, _):
            return connection.execute(ended).rowcount > 0

    def count_waiting(self, push_id: str) -> tuple[int, int]:
        """Count the batches without an answer, and their records."""
        counted = select(func.count(), func.coalesce(func.sum(Batch.records), 0)).where(Batch.push_id == push_id)
        with self._engine.connect() as connection:
            batches, records = connection.execute(counted).one()
        return int(batches), int(records)

    def claim(self, push_id: str, most: int) -> list[ClaimedBatch]:
        """Claim at most `most` batches that are due and that no other process holds."""
        now = time.time()
        due = (
            select(Batch.id, Batch.payload, Batch.records, Batch.attempts)
            .where(Batch.push_id == push_id, Batch.due_at <= now, Batch.leased_until <= now)
            .order_by(Batch.due_at, Batch.id)
            .limit(most)
        )
        with self._locked(push_id) as (connection, _):
            claimed = [ClaimedBatch(**row) for row in connection.execute(due).mappings()]
            self._set_lease(connection, claimed, now + LEASE_SECONDS)
        return claimed

    def extend_leases(self, push_id: str, held: Sequence[ClaimedBatch]) -> None:
        """Hold claimed batches for another lease."""
        with self._locked(push_id) as (connection, _):
            self._set_lease(connection, held, time.time() + LEASE_SECONDS)

    def release(self, push_id: str, held: Sequence[ClaimedBatch]) -> None:
        """Give claimed batches back unsent: they are free at once."""
        with self._locked(push_id) as (connection, _):
            self._set_lease(connection, held, 0)

    def write_outcomes(self, push_id: str, outcomes: BatchOutcomes) -> None:
        """Write what became of batches. A batch that is gone was answered through another process: it is left out."""
        ended = (outcomes.accepted, outcomes.halved, outcomes.dead)
        touched = [batch.id for changed in ended for batch, *_ in changed]
        with self._locked(push_id) as (connection, push):
            # SQLite gives a new batch the id of a deleted one: by its payload it is known to be the same.
            rows = connection.execute(select(Batch.id, Batch.payload).where(Batch.id.in_(touched)))
            there = {(row.id, row.payload) for row in rows}
            accepted = [it for it in outcomes.accepted if (it[0].id, it[0].payload) in there]
            halved = [it for it in outcomes.halved if (it[0].id, it[0].payload) in there]
            dead = [it for it in outcomes.dead if (it[0].id, it[0].payload) in there]
            connection.execute(
                update(Push)
                .where(Push.id == push_id)
                .values(
                    accepted=push["accepted"] + sum(batch.records for batch, _ in accepted),
                    dead=push["dead"] + len(dead),
                    requests=push["requests"] + outcomes.requests,
                )
            )
            if gone := [batch.id for ended in (accepted, halved, dead) for batch, _ in ended]:
                connection.execute(delete(Batch).where(Batch.id.in_(gone)))
            self._add_batches(connection, push_id, [half for _, halves in halved for half in halves])
            self._add_dead_letters(connection, push_id, [rejected for _, rejected in dead])
            for batch, due_at, is_attempt, message in outcomes.later:
                again = {"due_at": due_at, "attempts": Batch.attempts + int(is_attempt), "message": message}
                connection.execute(update(Batch).where(Batch.id == batch.id).values(again | {"leased_until": 0}))
            if awaited := sorted({name for _, names in accepted for name in names}):
                connection.execute(self._insert_sent, [{"push_id": push_id, "ref_id": name} for name in awaited])

    def finish(self, push_id: str) -> bool:
        """Note that a push is done when all is read and no batch waits; return whether it is done."""
        with self._locked(push_id) as (connection, push):
            left = connection.scalar(select(Batch.id).where(Batch.push_id == push_id).limit(1))
            done = push["read_at"] is not None and left is None
            if done and push["finished_at"] is None:
                connection.execute(update(Push).where(Push.id == push_id).values(finished_at=datetime.now(UTC)))
        if done:
            empty_log(self._engine)
        return done

    def dead_letters(self, push_id: str) -> Iterator[RowMapping]:
        """List the dead letters of a push, the oldest first."""
        last = 0
        while True:
            page = (
                select(*DeadLetter.__table__.c)
                .where(DeadLetter.push_id == push_id, DeadLetter.id > last)
                .order_by(DeadLetter.id)
                .limit(_PAGE)
            )
            with self._engine.connect() as connection:
                rows = list(connection.execute(page).mappings())
            if not rows:
                return
            yield from rows
            last = rows[-1]["id"]

    def requeue(self, push_id: str, dead_letters: Sequence[int], entries: Sequence[Entries]) -> None:
        """Replace dead letters, named by id, by batches of their records; ConfigurationError when one is gone."""
        with self._locked(push_id) as (connection, push):
            gone = connection.execute(
                delete(DeadLetter).where(DeadLetter.push_id == push_id, DeadLetter.id.in_(dead_letters))
            ).rowcount
            if gone != len(dead_letters):
                raise ConfigurationError(f"Somebody else is retrying push {push_id} right now.")
            counts = {"dead": push["dead"] - gone, "finished_at": None}
            connection.execute(update(Push).where(Push.id == push_id).values(counts))
            self._add_batches(connection, push_id, entries)

    @contextmanager
    def _locked(self, push_id: str) -> Iterator[tuple[Connection, RowMapping]]:
        """Open a transaction that locks the row of a push, and give the row."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLite has no lock of a row
            locked = select(*Push.__table__.c).where(Push.id == push_id).with_for_update()
            yield connection, connection.execute(locked).mappings().one()

    @staticmethod
    def _set_lease(connection: Connection, batches: Sequence[ClaimedBatch], until: float) -> None:
        if batches:
            ids = [batch.id for batch in batches]
            connection.execute(update(Batch).where(Batch.id.in_(ids)).values(leased_until=until))

    @staticmethod
    def _add_batches(connection: Connection, push_id: str, entries: Sequence[Entries]) -> None:
        if entries:
            fresh = {"push_id": push_id, "attempts": 0, "due_at": time.time(), "leased_until": 0}
            rows = [{**fresh, "payload": some.payload, "records": some.records} for some in entries]
            connection.execute(insert(Batch), rows)

    @staticmethod
    def _add_dead_letters(connection: Connection, push_id: str, rejected: Sequence[RejectedRecord]) -> None:
        if rejected:
            rows = [
                {
                    "push_id": push_id,
                    "ref_id": one.reference,
                    "payload": one.payload,
                    "code": one.code,
                    "message": one.message,
                    "died_at": datetime.now(UTC),
                }
                for one in rejected
            ]
            connection.execute(insert(DeadLetter), rows)
