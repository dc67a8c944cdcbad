"""The push: one loop reads an origin into the outbox and sends what is in it, as fast as the limits allow.

The loop alone writes to the outbox, many answers in one transaction. The senders, threads, only wait for Pango.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Any

import orjson

from provider.ingestion.pango.pango_client import Answer, PangoClient
from provider.ingestion.pango.rate_limiter import Limiter
from provider.ingestion.push.backoff import Trouble, pause
from provider.ingestion.push.batches import Group, Rejected, halves, reference, references
from provider.ingestion.push.outbox import LEASE_SECONDS, Changes, Claimed, Outbox

BACKLOG = 200
"""Batches that wait in the outbox before reading goes on."""

_QUEUED = 2
"""Batches for each sender: the one it sends, and the next."""

_IDLE = 0.2
"""Seconds until what waits is looked at again, when there is nothing else to wait for."""

_LOOK = 0.5
"""Seconds between two looks at the progress in the database."""

_OTHER_READER = 30.0
"""Seconds in which another process that reads may add nothing before this one ends."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be pushed: whose batches, and what goes beside their entries."""

    push_id: str
    object_type: str
    members: Mapping[str, Any]
    init_data: bool
    awaits_callbacks: bool
    read_first: bool
    """Send nothing before the last record is read."""


@dataclass(slots=True)
class Progress:
    """How far a push is. `batches` and `waiting` are what is in the outbox; `limited_by` is what holds it up now."""

    read: int = 0
    accepted: int = 0
    dead: int = 0
    requests: int = 0
    batches: int = 0
    waiting: int = 0
    is_read: bool = False
    limited_by: str | None = None
    trouble: str | None = None


class Reading:
    """The reading of an origin into the outbox, group by group."""

    def __init__(self, outbox: Outbox, push_id: str, reader: str, groups: Iterator[Group]) -> None:
        self._outbox, self._push_id, self._reader, self._groups = outbox, push_id, reader, groups
        self.over = False
        """At the end; or somebody else has taken over."""

    def step(self) -> int:
        """Read some more; give how many batches came in."""
        group = next(self._groups, None)
        if group is None:
            self._outbox.end_reading(self._push_id, self._reader)
            self.over = True
        else:
            self.over = not self._outbox.append(self._push_id, self._reader, group)
        return 0 if group is None or self.over else len(group.entries)


class Run:
    """One run over a push: `run` reads and sends. `see` is shown the progress now and then; `stop` ends it early."""

    def __init__(
        self,
        job: Job,
        *,
        outbox: Outbox,
        client: PangoClient,
        limiter: Limiter,
        reading: Reading | None,
        workers: int,
        stop: Event,
        see: Callable[[Progress], None],
    ) -> None:
        self._job, self._outbox, self._client, self._limiter = job, outbox, client, limiter
        self._reading, self._workers, self._stop, self._see = reading, workers, stop, see
        self._trouble = Trouble()
        self._progress = Progress()
        self._held: list[Claimed] = []
        self._sent: dict[Future[tuple[Answer, int]], Claimed] = {}
        self._settled = 0
        self._claim_at = self._permit_at = self._lease_at = self._look_at = 0.0
        self._last_read, self._last_read_at = -1, 0.0

    def run(self) -> str | None:
        """Push until it is done, which gives None, or must stop, which says why: nothing is lost, it can be resumed."""
        with ThreadPoolExecutor(self._workers, thread_name_prefix="sender") as pool:
            try:
                self._look()
                while not self._is_done() and self._reason() is None:
                    self._read()
                    self._send(pool)
                    self._write()
            finally:
                self._let_go()
        self._look()
        return None if self._outbox.finish(self._job.push_id) else self._reason()

    def _is_done(self) -> bool:
        busy = self._sent or self._held or self._reads() or self._progress.batches > 0
        return not busy and self._outbox.finish(self._job.push_id)

    def _reason(self) -> str | None:
        if self._stop.is_set():
            return "interrupted"
        return self._trouble.verdict() or self._left_alone()

    def _left_alone(self) -> str | None:
        """Tell whether we wait for the reading of a process that is gone."""
        progress, now = self._progress, time.monotonic()
        waiting_to_send = progress.batches and not self._job.read_first
        if self._reads() or progress.is_read or waiting_to_send or self._last_read != progress.read:
            self._last_read, self._last_read_at = progress.read, now
        if now - self._last_read_at < _OTHER_READER:
            return None
        return "another process took over the reading, and it does not go on"

    def _reads(self) -> bool:
        return self._reading is not None and not self._reading.over

    def _may_read(self) -> bool:
        return self._reads() and (self._job.read_first or self._progress.batches < BACKLOG)

    def _read(self) -> None:
        if self._reading is None or not self._may_read():
            return
        self._progress.batches += self._reading.step()
        self._claim_at = 0.0
        if self._reading.over:
            self._look()

    def _send(self, pool: ThreadPoolExecutor) -> None:
        """Hand as many batches to the senders as they and the limits have room for."""
        now = time.monotonic()
        may_send = self._progress.is_read or not self._job.read_first
        room = self._trouble.room(_QUEUED * self._workers) - len(self._sent) if may_send else 0
        if len(self._held) < room and now >= self._claim_at:
            claimed = self._outbox.claim(self._job.push_id, room - len(self._held))
            self._held += claimed
            self._claim_at = 0.0 if claimed else now + _IDLE
        self._keep()
        wanted = max(0, min(room, len(self._held))) if now >= self._permit_at else 0
        if not wanted and not self._settled:
            return
        grant = self._limiter.settle_and_take(self._settled, wanted)
        self._settled = 0
        if wanted:
            self._progress.limited_by = None if grant.permits else grant.limited_by
            self._permit_at = 0.0 if grant.permits else now + grant.wait
        for _ in range(grant.permits):
            batch = self._held.pop(0)
            self._sent[pool.submit(self._deliver, batch)] = batch

    def _deliver(self, batch: Claimed) -> tuple[Answer, int]:
        """Send a batch, in a sender's thread; give the answer and how many permits it took."""
        permits = 1

        def one_more() -> bool:
            nonlocal permits
            while not self._stop.is_set():
                grant = self._limiter.take()
                if grant.permits:
                    permits += 1
                    return True
                self._stop.wait(grant.wait)
            return False

        job = self._job
        answer = self._client.send(
            job.object_type, batch.payload, members=job.members, init_data=job.init_data, permit=one_more
        )
        return answer, permits

    def _write(self) -> None:
        """Wait for answers, not for long, and write what those that came mean."""
        patience = 0.0 if self._may_read() else _IDLE
        if self._sent:
            wait(self._sent, timeout=patience, return_when=FIRST_COMPLETED)
            self._write_answers()
        else:
            self._stop.wait(patience)
        if time.monotonic() >= self._look_at:
            self._look()

    def _write_answers(self) -> None:
        changes = Changes()
        for future in [future for future in self._sent if future.done()]:
            batch = self._sent.pop(future)
            if future.cancelled():
                self._held.append(batch)
                self._settled += 1
                continue
            answer, permits = future.result()
            self._settled += permits
            changes.requests += answer.requests
            self._trouble.note(answer)
            self._judge(batch, answer, changes)
        if not changes.empty():
            self._outbox.record(self._job.push_id, changes)
            self._progress.batches += len(changes.halved) - len(changes.accepted) - len(changes.dead)

    def _judge(self, batch: Claimed, answer: Answer, changes: Changes) -> None:
        """Say what an answer means for its batch."""
        object_type = self._job.object_type
        match answer.outcome:
            case "accepted":
                awaited = references(batch.payload, object_type) if self._job.awaits_callbacks else ()
                changes.accepted.append((batch, [name for name in awaited if name]))
            case "refused" if batch.records > 1:
                changes.halved.append((batch, halves(batch.payload)))
            case "refused":
                entry = batch.payload[1:-1]
                name, code = reference(orjson.loads(entry), object_type), answer.code or "Refused"
                changes.dead.append((batch, Rejected(entry, name, code, answer.message)))
            case "limited":
                self._limiter.hold(pause(self._trouble.limited) if answer.retry_after is None else answer.retry_after)
                changes.later.append((batch, 0.0, False, answer.message))
            case "failed":
                changes.later.append((batch, time.time() + pause(batch.attempts), True, answer.message))

    def _keep(self) -> None:
        """Keep what is ours from others, who would take us for dead."""
        now = time.monotonic()
        if now >= self._lease_at:
            ours: Sequence[Claimed] = [*self._held, *self._sent.values()]
            if ours:
                self._outbox.extend(self._job.push_id, ours)
                self._limiter.take(0)
            self._lease_at = now + LEASE_SECONDS / 3

    def _look(self) -> None:
        """Look in the database at how far the push is: others may work on it too."""
        push, progress = self._outbox.get(self._job.push_id), self._progress
        progress.read, progress.accepted, progress.dead = push["position"], push["accepted"], push["dead"]
        progress.requests, progress.is_read = push["requests"], push["read_at"] is not None
        progress.batches, progress.waiting = self._outbox.waiting(self._job.push_id)
        progress.trouble = self._trouble.said
        self._see(progress)
        self._look_at = time.monotonic() + _LOOK

    def _let_go(self) -> None:
        """Wait for the answers under way, and give back what was not sent."""
        for future in self._sent:
            future.cancel()
        while self._sent:
            wait(self._sent, timeout=LEASE_SECONDS / 3, return_when=FIRST_COMPLETED)
            self._write_answers()
            self._keep()
        self._limiter.settle(self._settled)
        self._settled = 0
        self._outbox.release(self._job.push_id, self._held)
        self._held = []
