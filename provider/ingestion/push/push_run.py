"""One run of a push: a loop reads records into the outbox and sends batches, as fast as the rate limits allow.

Only the loop writes to the outbox, many answers in one transaction. The sender threads wait for Pango's answers.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Any

import orjson

from provider.ingestion.pango.pango_client import Answer, PangoClient
from provider.ingestion.pango.rate_limiter import RateLimiter
from provider.ingestion.push.backoff import Backoff, pause_after
from provider.ingestion.push.batches import RecordGroup, RejectedRecord, halve, reference_of, references_of
from provider.ingestion.push.outbox import LEASE_SECONDS, BatchOutcomes, ClaimedBatch, Outbox

BACKLOG = 200
"""Batches in the outbox above which reading pauses."""

_CLAIMED_PER_WORKER = 2
"""Batches for each sender thread: the one it sends, and the next."""

_IDLE_SECONDS = 0.2
"""How long the loop waits for an answer, or for batches that another process adds."""

_PROGRESS_SECONDS = 0.5
"""How often the progress is read from the database."""

_OTHER_READER_SECONDS = 30.0
"""A process that waits for another one's reading stops when that one adds nothing for so long."""


@dataclass(frozen=True, slots=True)
class PushJob:
    """What is sent with every request of a push, and what is done about its records."""

    push_id: str
    object_type: str
    members: Mapping[str, Any]
    init_data: bool
    awaits_callbacks: bool
    read_first: bool
    """Send nothing before the last record is read."""


@dataclass(slots=True)
class PushProgress:
    """How far a push is. `batches` are in the outbox; `limited_by` is the rate limit that it waits for now."""

    read: int = 0
    accepted: int = 0
    dead: int = 0
    batches: int = 0
    is_read: bool = False
    limited_by: str | None = None
    last_failure: str | None = None


class SourceReader:
    """Reads groups of records into the outbox, as the reader whose id it is given."""

    def __init__(self, outbox: Outbox, push_id: str, reader_id: str, groups: Iterator[RecordGroup]) -> None:
        self._outbox, self._push_id, self._reader_id, self._groups = outbox, push_id, reader_id, groups
        self.is_finished = False
        """Whether the last record is read, or another process has become the reader."""

    def read_group(self) -> int:
        """Read one group; return how many batches it adds to the outbox."""
        group = next(self._groups, None)
        if group is None:
            self._outbox.end_reading(self._push_id, self._reader_id)
            self.is_finished = True
        else:
            self.is_finished = not self._outbox.append(self._push_id, self._reader_id, group)
        return 0 if group is None or self.is_finished else len(group.entries)


class PushRun:
    """One process's work on a push. `show_progress` is called now and then; `stop` ends the run early.

    `reader` is None when all records are read already.
    """

    def __init__(
        self,
        job: PushJob,
        *,
        outbox: Outbox,
        client: PangoClient,
        limiter: RateLimiter,
        reader: SourceReader | None,
        workers: int,
        stop: Event,
        show_progress: Callable[[PushProgress], None],
    ) -> None:
        self._job, self._outbox, self._client, self._limiter = job, outbox, client, limiter
        self._reader, self._workers, self._stop, self._show_progress = reader, workers, stop, show_progress
        self._backoff = Backoff()
        self._progress = PushProgress()
        self._claimed: list[ClaimedBatch] = []
        self._under_way: dict[Future[tuple[Answer, int]], ClaimedBatch] = {}
        self._used_permits = 0
        self._claim_at = self._permit_at = self._extend_at = self._progress_at = 0.0
        self._last_read, self._last_read_at = -1, 0.0

    def run(self) -> str | None:
        """Push until all is done, and return None; or stop early and return why: then it can be resumed."""
        with ThreadPoolExecutor(self._workers, thread_name_prefix="sender") as pool:
            try:
                self._update_progress()
                while not self._is_done() and self._reason_to_stop() is None:
                    self._read()
                    self._send(pool)
                    self._collect_answers()
            finally:
                self._finish_sending()
        self._update_progress()
        return None if self._outbox.finish(self._job.push_id) else self._reason_to_stop()

    def _is_done(self) -> bool:
        busy = self._under_way or self._claimed or self._is_reading() or self._progress.batches > 0
        return not busy and self._outbox.finish(self._job.push_id)

    def _reason_to_stop(self) -> str | None:
        if self._stop.is_set():
            return "interrupted"
        return self._backoff.reason_to_stop() or self._other_reader_is_gone()

    def _other_reader_is_gone(self) -> str | None:
        """Return a reason to stop when this run waits for the reading of a process that has ended."""
        progress, now = self._progress, time.monotonic()
        can_send = progress.batches and not self._job.read_first
        if self._is_reading() or progress.is_read or can_send or self._last_read != progress.read:
            self._last_read, self._last_read_at = progress.read, now
        if now - self._last_read_at < _OTHER_READER_SECONDS:
            return None
        return "another process took over the reading, and it does not go on"

    def _is_reading(self) -> bool:
        return self._reader is not None and not self._reader.is_finished

    def _may_read(self) -> bool:
        return self._is_reading() and (self._job.read_first or self._progress.batches < BACKLOG)

    def _read(self) -> None:
        if self._reader is None or not self._may_read():
            return
        self._progress.batches += self._reader.read_group()
        self._claim_at = 0.0
        if self._reader.is_finished:
            self._update_progress()

    def _send(self, pool: ThreadPoolExecutor) -> None:
        """Give batches to the sender threads, as many as these and the rate limits have room for."""
        now = time.monotonic()
        room = self._room()
        if len(self._claimed) < room and now >= self._claim_at:
            claimed = self._outbox.claim(self._job.push_id, room - len(self._claimed))
            self._claimed += claimed
            self._claim_at = 0.0 if claimed else now + _IDLE_SECONDS
        self._extend_leases()
        wanted = max(0, min(room, len(self._claimed))) if now >= self._permit_at else 0
        if not wanted and not self._used_permits:
            return
        allowance = self._limiter.settle_and_take(self._used_permits, wanted)
        self._used_permits = 0
        if wanted:
            self._progress.limited_by = None if allowance.permits else allowance.limited_by
            self._permit_at = 0.0 if allowance.permits else now + allowance.wait
        for _ in range(allowance.permits):
            batch = self._claimed.pop(0)
            self._under_way[pool.submit(self._send_batch, batch)] = batch

    def _room(self) -> int:
        """Return how many batches more may be under way."""
        if self._job.read_first and not self._progress.is_read:
            return 0
        return self._backoff.most_under_way(_CLAIMED_PER_WORKER * self._workers) - len(self._under_way)

    def _send_batch(self, batch: ClaimedBatch) -> tuple[Answer, int]:
        """Send a batch, in a sender thread; return the answer and how many permits are still to be settled."""
        unsettled = 1

        def take_permit() -> bool:
            nonlocal unsettled
            while not self._stop.is_set():
                # The first request is answered: unsettled, it would keep the others from their second permit.
                allowance = self._limiter.settle_and_take(unsettled, 1)
                unsettled = allowance.permits
                if unsettled:
                    return True
                self._stop.wait(allowance.wait)
            return False

        job = self._job
        answer = self._client.send(
            job.object_type, batch.payload, members=job.members, init_data=job.init_data, take_permit=take_permit
        )
        return answer, unsettled

    def _collect_answers(self) -> None:
        """Wait a moment for answers, and write what they mean."""
        timeout = 0.0 if self._may_read() else _IDLE_SECONDS
        if self._under_way:
            wait(self._under_way, timeout=timeout, return_when=FIRST_COMPLETED)
            self._write_answers()
        else:
            self._stop.wait(timeout)
        if time.monotonic() >= self._progress_at:
            self._update_progress()

    def _write_answers(self) -> None:
        outcomes = BatchOutcomes()
        for future in [future for future in self._under_way if future.done()]:
            batch = self._under_way.pop(future)
            if future.cancelled():
                self._claimed.append(batch)
                self._used_permits += 1
                continue
            answer, unsettled = future.result()
            self._used_permits += unsettled
            outcomes.requests += answer.requests
            self._backoff.add_answer(answer)
            self._add_outcome(batch, answer, outcomes)
        if not outcomes.is_empty():
            self._outbox.write_outcomes(self._job.push_id, outcomes)
            self._progress.batches += len(outcomes.halved) - len(outcomes.accepted) - len(outcomes.dead)

    def _add_outcome(self, batch: ClaimedBatch, answer: Answer, outcomes: BatchOutcomes) -> None:
        """Decide what an answer means for its batch."""
        object_type = self._job.object_type
        match answer.outcome:
            case "accepted":
                awaited = references_of(batch.payload, object_type) if self._job.awaits_callbacks else ()
                outcomes.accepted.append((batch, [name for name in awaited if name]))
            case "refused" if batch.records > 1:
                outcomes.halved.append((batch, halve(batch.payload)))
            case "refused":
                entry = batch.payload[1:-1]
                name, code = reference_of(orjson.loads(entry), object_type), answer.code or "Refused"
                outcomes.dead.append((batch, RejectedRecord(entry, name, code, answer.message)))
            case "limited":
                limited = self._backoff.limited
                self._limiter.hold(pause_after(limited) if answer.retry_after is None else answer.retry_after)
                outcomes.later.append((batch, 0.0, False, answer.message))
            case "failed":
                outcomes.later.append((batch, time.time() + pause_after(batch.attempts), True, answer.message))

    def _extend_leases(self) -> None:
        """Extend the leases of batches and permits, now and then: other processes would take this one for dead."""
        now = time.monotonic()
        if now < self._extend_at:
            return
        if held := [*self._claimed, *self._under_way.values()]:
            self._outbox.extend_leases(self._job.push_id, held)
            self._limiter.take(0)
        self._extend_at = now + LEASE_SECONDS / 3

    def _update_progress(self) -> None:
        """Read from the database how far the push is, as other processes may work on it too, and show it."""
        push, progress = self._outbox.get_push(self._job.push_id), self._progress
        progress.read, progress.accepted, progress.dead = push["position"], push["accepted"], push["dead"]
        progress.is_read = push["read_at"] is not None
        progress.batches, _ = self._outbox.count_waiting(self._job.push_id)
        progress.last_failure = self._backoff.last_failure
        self._show_progress(progress)
        self._progress_at = time.monotonic() + _PROGRESS_SECONDS

    def _finish_sending(self) -> None:
        """Wait for the answers under way, and release what was not sent."""
        for future in self._under_way:
            future.cancel()
        while self._under_way:
            wait(self._under_way, timeout=LEASE_SECONDS / 3, return_when=FIRST_COMPLETED)
            self._write_answers()
            self._extend_leases()
        self._limiter.settle(self._used_permits)
        self._used_permits = 0
        self._outbox.release(self._job.push_id, self._claimed)
        self._claimed = []
