"""The outbox: what waits to be sent is in the provider database before it is sent, and leaves it with Pango's answer.

Whoever changes a push holds the lock of its row first, so that any number of processes may work on one push.
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
from provider.ingestion.push.batches import Entries, Group, Rejected
from provider.store.provider_database import empty_log
from provider.store.push_tables import Batch, DeadLetter, Push, Sent
from provider.store.upsert import make_insert_new

LEASE_SECONDS = 10.0
"""How long a batch is a sender's own. A sender that lives extends it; the batches of a dead one are free after that."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that is ours until its lease ends."""

    id: int
    payload: bytes
    records: int
    attempts: int


@dataclass(slots=True)
class Changes:
    """What answers mean for their batches, to be written in one go."""

    accepted: list[tuple[Claimed, Sequence[str]]] = field(default_factory=list)
    """Batches Pango took, each with the references of which a callback is awaited."""

    halved: list[tuple[Claimed, Sequence[Entries]]] = field(default_factory=list)
    dead: list[tuple[Claimed, Rejected]] = field(default_factory=list)
    """Batches of one record that Pango refused."""

    later: list[tuple[Claimed, float, bool, str]] = field(default_factory=list)
    """Batches to send again: the time they are due, whether it counts as an attempt, and what went wrong."""

    requests: int = 0

    def empty(self) -> bool:
        """Tell whether there is nothing to write."""
        return not (self.accepted or self.halved or self.dead or self.later)


class Outbox:
    """The pushes of a provider database, their batches and their dead letters."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._await = make_insert_new(cast("Table", Sent.__table__), engine.dialect)

    def create(self, object_type: str, *, origin: Mapping[str, Any], request: Mapping[str, Any]) -> str:
        """Note a new push, of which nothing is read yet; give its id."""
        push_id = secrets.token_hex(4)
        with self._engine.begin() as connection:
            connection.execute(
                insert(Push).values(
                    id=push_id,
                    object_type=object_type,
                    origin=dict(origin),
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

    def get(self, push_id: str) -> RowMapping:
        """Give a push; ConfigurationError when there is none."""
        with self._engine.connect() as connection:
            found = connection.execute(select(*Push.__table__.c).where(Push.id == push_id)).mappings().one_or_none()
        if found is None:
            raise ConfigurationError(f"There is no push {push_id!r}. `provider push list` shows them.")
        return found

    def all(self, *, unfinished: bool = False) -> list[RowMapping]:
        """List the pushes, the newest first."""
        chosen = select(*Push.__table__.c).order_by(Push.created_at.desc(), Push.id)
        if unfinished:
            chosen = chosen.where(Push.finished_at.is_(None))
        with self._engine.connect() as connection:
            return list(connection.execute(chosen).mappings())

    def begin_reading(self, push_id: str, *, again: bool) -> tuple[str, int]:
        """Become the one who reads; give the name to append under, and how many records to skip.

        `again` throws away what an interrupted reading left, none of which was sent, and begins at the first record.
        """
        reader = secrets.token_hex(8)
        with self._locked(push_id) as (connection, push):
            connection.execute(update(Push).where(Push.id == push_id).values(reader=reader))
            if not again:
                return reader, int(push["position"])
            connection.execute(update(Push).where(Push.id == push_id).values(position=0, dead=0))
            connection.execute(delete(Batch).where(Batch.push_id == push_id))
            connection.execute(delete(DeadLetter).where(DeadLetter.push_id == push_id))
            return reader, 0

    def append(self, push_id: str, reader: str, group: Group) -> bool:
        """Add records to the outbox, with how far reading has come; False when somebody else reads by now."""
        with self._locked(push_id) as (connection, push):
            if push["reader"] != reader:
                return False
            progress = {"position": push["position"] + group.read, "dead": push["dead"] + len(group.rejected)}
            connection.execute(update(Push).where(Push.id == push_id).values(progress))
            self._add(connection, push_id, group.entries)
            self._bury(connection, push_id, group.rejected)
        return True

    def end_reading(self, push_id: str, reader: str) -> bool:
        """Note that the last record is read; False when somebody else reads by now."""
        ended = update(Push).where(Push.id == push_id, Push.reader == reader).values(read_at=datetime.now(UTC))
        with self._locked(push_id) as (connection, _):
            return connection.execute(ended).rowcount > 0

    def waiting(self, push_id: str) -> tuple[int, int]:
        """Count the batches that have no answer yet, and their records."""
        counted = select(func.count(), func.coalesce(func.sum(Batch.records), 0)).where(Batch.push_id == push_id)
        with self._engine.connect() as connection:
            batches, records = connection.execute(counted).one()
        return int(batches), int(records)

    def claim(self, push_id: str, most: int) -> list[Claimed]:
        """Take batches that are due and nobody else's."""
        now = time.time()
        due = (
            select(Batch.id, Batch.payload, Batch.records, Batch.attempts)
            .where(Batch.push_id == push_id, Batch.due_at <= now, Batch.leased_until <= now)
            .order_by(Batch.due_at, Batch.id)
            .limit(most)
        )
        with self._locked(push_id) as (connection, _):
            claimed = [Claimed(**row) for row in connection.execute(due).mappings()]
            self._lease(connection, claimed, now + LEASE_SECONDS)
        return claimed

    def extend(self, push_id: str, held: Sequence[Claimed]) -> None:
        """Hold batches for longer."""
        with self._locked(push_id) as (connection, _):
            self._lease(connection, held, time.time() + LEASE_SECONDS)

    def release(self, push_id: str, held: Sequence[Claimed]) -> None:
        """Give batches back unsent."""
        with self._locked(push_id) as (connection, _):
            self._lease(connection, held, 0)

    def record(self, push_id: str, changes: Changes) -> None:
        """Write what came of batches, in one transaction. One that is gone was somebody else's: it is left out."""
        ended = (changes.accepted, changes.halved, changes.dead)
        touched = [batch.id for changed in ended for batch, *_ in changed]
        with self._locked(push_id) as (connection, push):
            there = set(connection.scalars(select(Batch.id).where(Batch.id.in_(touched))))
            accepted = [it for it in changes.accepted if it[0].id in there]
            halved = [it for it in changes.halved if it[0].id in there]
            dead = [it for it in changes.dead if it[0].id in there]
            connection.execute(
                update(Push)
                .where(Push.id == push_id)
                .values(
                    accepted=push["accepted"] + sum(batch.records for batch, _ in accepted),
                    dead=push["dead"] + len(dead),
                    requests=push["requests"] + changes.requests,
                )
            )
            if gone := [batch.id for ended in (accepted, halved, dead) for batch, _ in ended]:
                connection.execute(delete(Batch).where(Batch.id.in_(gone)))
            self._add(connection, push_id, [half for _, both in halved for half in both])
            self._bury(connection, push_id, [rejected for _, rejected in dead])
            for batch, due_at, is_attempt, message in changes.later:
                again = {"due_at": due_at, "attempts": Batch.attempts + int(is_attempt), "message": message}
                connection.execute(update(Batch).where(Batch.id == batch.id).values(again | {"leased_until": 0}))
            if awaited := sorted({name for _, names in accepted for name in names}):
                connection.execute(self._await, [{"push_id": push_id, "ref_id": name} for name in awaited])

    def finish(self, push_id: str) -> bool:
        """Note that a push is done, if it is: read to the end, and nothing waits."""
        with self._locked(push_id) as (connection, push):
            left = connection.scalar(select(Batch.id).where(Batch.push_id == push_id).limit(1))
            done = push["read_at"] is not None and left is None
            if done and push["finished_at"] is None:
                connection.execute(update(Push).where(Push.id == push_id).values(finished_at=datetime.now(UTC)))
        if done:
            empty_log(self._engine)
        return done

    def dead(self, push_id: str) -> Iterator[RowMapping]:
        """List the dead letters of a push, in the order they died."""
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

    def revive(self, push_id: str, letters: Sequence[int], entries: Sequence[Entries]) -> None:
        """Put the records of dead letters back among those that wait."""
        with self._locked(push_id) as (connection, push):
            gone = connection.execute(
                delete(DeadLetter).where(DeadLetter.push_id == push_id, DeadLetter.id.in_(letters))
            ).rowcount
            if gone != len(letters):
                raise ConfigurationError(f"Somebody else is retrying push {push_id} right now.")
            revived = {"dead": push["dead"] - gone, "finished_at": None}
            connection.execute(update(Push).where(Push.id == push_id).values(revived))
            self._add(connection, push_id, entries)

    @contextmanager
    def _locked(self, push_id: str) -> Iterator[tuple[Connection, RowMapping]]:
        """Open a transaction that holds the push, and give what it holds."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLite has no lock of a row
            held = select(*Push.__table__.c).where(Push.id == push_id).with_for_update()
            yield connection, connection.execute(held).mappings().one()

    @staticmethod
    def _lease(connection: Connection, batches: Sequence[Claimed], until: float) -> None:
        if batches:
            ids = [batch.id for batch in batches]
            connection.execute(update(Batch).where(Batch.id.in_(ids)).values(leased_until=until))

    @staticmethod
    def _add(connection: Connection, push_id: str, entries: Sequence[Entries]) -> None:
        if entries:
            fresh = {"push_id": push_id, "attempts": 0, "due_at": time.time(), "leased_until": 0}
            rows = [{**fresh, "payload": some.payload, "records": some.records} for some in entries]
            connection.execute(insert(Batch), rows)

    @staticmethod
    def _bury(connection: Connection, push_id: str, rejected: Sequence[Rejected]) -> None:
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
