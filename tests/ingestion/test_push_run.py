"""One run of a push against a server in Pango's place: what it waits for, holds, counts, and gives back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import orjson
import pytest
import time_machine
from listener import AUTH, INGEST, SUCCESS, Listener, answer, document
from sqlalchemy import func, select
from support import NOON, PATIENCE_SECONDS, eventually, fill

from provider.ingestion.pango.pango_client import PangoClient
from provider.ingestion.pango.rate_limiter import RateLimiter
from provider.ingestion.pango.rate_windows import RateWindow
from provider.ingestion.push import backoff, push_run
from provider.ingestion.push.batches import Entries, RecordGroup
from provider.ingestion.push.outbox import LEASE_SECONDS, Outbox
from provider.ingestion.push.push_run import PushJob, PushRun
from provider.settings import Settings
from provider.store.provider_database import open_database
from provider.store.push_tables import Batch

RETRY_AFTER = "X_Rate_Limit_Retry_After_Seconds"
HOUR = [RateWindow(100_000, 3600)]


@pytest.fixture
def pango():
    """Start a server in Pango's place."""
    with Listener() as listener:
        yield listener


@pytest.fixture
def engine(tmp_path, migrated_database, sample_data):
    """Open a provider database of its own."""
    fill(tmp_path, migrated_database, sample_data)
    engine = open_database(Settings(database_url=f"sqlite:///{tmp_path}/provider.db"))
    yield engine
    engine.dispose()


class Push:
    """A push whose batches are all in the outbox, and one run of it."""

    def __init__(self, pango, engine, *, batches, windows, workers):
        self.outbox = Outbox(engine)
        self.limiter = RateLimiter(engine, "account", windows)
        self.stop = threading.Event()
        self.id = self.outbox.create_push("product", source={"kind": "stored", "since": None}, request={})
        reader, _ = self.outbox.begin_reading(self.id, from_start=False)
        self.outbox.append(self.id, reader, RecordGroup(read=len(batches), entries=[Entries(*it) for it in batches]))
        self.outbox.end_reading(self.id, reader)
        self._pango, self._engine, self._workers = pango, engine, workers

    def run(self):
        """Run it to its end; give the reason it stopped for: a run that hangs is interrupted after a while."""
        watchdog = threading.Timer(2 * PATIENCE_SECONDS, self.stop.set)
        watchdog.start()
        try:
            with closing(PangoClient(self._pango.settings())) as client:
                return PushRun(
                    PushJob(self.id, "product", {}, init_data=False, awaits_callbacks=False, read_first=False),
                    outbox=self.outbox,
                    client=client,
                    limiter=self.limiter,
                    reader=None,
                    workers=self._workers,
                    stop=self.stop,
                    show_progress=lambda _: None,
                ).run()
        finally:
            watchdog.cancel()

    def leased_until(self):
        """Read when the last lease of its batches ends, in seconds since 1970."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.max(Batch.leased_until)).where(Batch.push_id == self.id))


@pytest.fixture
def make_push(pango, engine):
    """Make a push of batches of one record each, or of these."""

    def make(count=1, *, batches=None, windows=HOUR, workers=1):
        batches = batches or [(orjson.dumps([{"refId": f"P{number}"}]), 1) for number in range(count)]
        return Push(pango, engine, batches=batches, windows=windows, workers=workers)

    return make


def timed(times, respond):
    """Note when a request came in, then respond."""

    def note(request, call):
        times.append(time.monotonic())
        respond(request, call)

    return note


@pytest.mark.parametrize("path", [AUTH, INGEST])
def test_nothing_is_sent_before_pango_allows_it(pango, make_push, path):
    """When Pango says how long to wait, nothing is sent until then: here longer than our own pause would be."""
    times = []
    pango.on(path, timed(times, answer(b"{}", 429, **{RETRY_AFTER: "2"})), timed(times, pango.script[path][0]))
    push = make_push()
    assert push.run() is None
    refused, repeated = times
    assert repeated - refused >= 2
    assert push.outbox.get_push(push.id)["accepted"] == 1


def test_leases_are_extended_while_pango_is_slow(pango, make_push, monkeypatch):
    """A batch whose answer takes many leases stays its sender's, also while the push stops; its request counts once."""
    monkeypatch.setattr(push_run, "LEASE_SECONDS", 0.3)  # how often they are extended, not how long they are
    begun, released = threading.Event(), threading.Event()

    def respond(request, call):
        begun.set()
        assert released.wait(PATIENCE_SECONDS)
        answer(SUCCESS)(request, call)

    pango.on(INGEST, respond)
    push = make_push()
    with time_machine.travel(NOON) as clock, ThreadPoolExecutor(1) as pool:
        running = pool.submit(push.run)
        try:
            assert begun.wait(PATIENCE_SECONDS)
            for shift in range(12):
                if shift == 10:
                    push.stop.set()
                clock.shift(LEASE_SECONDS * 0.75)
                shifted = time.time()
                eventually(lambda since=shifted: push.leased_until() >= since + LEASE_SECONDS)
                assert push.outbox.claim(push.id, 1) == []
        finally:
            released.set()
        assert running.result() is None
        assert [use.used for use in push.limiter.uses()] == [1]
    assert len(pango.to(INGEST)) == 1


def test_a_repeated_request_counts_in_the_windows(pango, make_push):
    """After a 401 the request with a new token waits for a permit like any other, and both are counted."""
    times = []
    pango.on(INGEST, timed(times, answer(b"", 401)), timed(times, answer(SUCCESS)))
    push = make_push(windows=[RateWindow(1, 1), RateWindow(100, 3600)])
    assert push.run() is None
    first, second = times
    assert second - first >= 1
    assert push.outbox.get_push(push.id)["requests"] == 2
    assert push.limiter.uses()[1].used == 2


def test_a_repeated_request_leaves_no_permit_behind(pango, make_push, engine):
    """Both permits of a repeated request are settled: after the window there is room for as many as ever."""
    pango.on(INGEST, answer(b"", 401), answer(SUCCESS))
    windows = [RateWindow(2, 1)]
    assert make_push(windows=windows).run() is None
    later = RateLimiter(engine, "account", windows, clock=lambda: time.time() + 2)
    assert [use.used for use in later.uses()] == [0]


def test_a_push_that_stops_gives_its_batches_back(pango, make_push, monkeypatch):
    """Told to stop, a push waits for the answers under way; all batches that were not sent are free at once."""
    monkeypatch.setattr(push_run, "LEASE_SECONDS", 0.3)  # how often they are extended, not how long they are
    begun, released = threading.Event(), threading.Event()

    def respond(request, call):
        begun.set()
        assert released.wait(PATIENCE_SECONDS)
        answer(SUCCESS)(request, call)

    pango.on(INGEST, respond)
    push = make_push(5, windows=[RateWindow(2, 3600)], workers=1)  # one is sent, one queued, others cannot be sent
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(push.run)
        assert begun.wait(PATIENCE_SECONDS)
        push.stop.set()
        # A run that is told to stop extends its leases at most once more before it cancels what is queued.
        for _ in range(2):
            before = push.leased_until()
            eventually(lambda since=before: push.leased_until() > since)
        released.set()
        assert running.result() == "interrupted"
    assert push.outbox.get_push(push.id)["accepted"] == 1
    assert len(push.outbox.claim(push.id, 10)) == 4
    assert [use.used for use in push.limiter.uses()] == [2]


def test_a_pango_that_refuses_everything_stops_the_push(pango, make_push, monkeypatch):
    """After many refusals in a row the push stops, and what was not sent waits."""
    monkeypatch.setattr(backoff, "MOST_REFUSALS", 50)
    pango.on(INGEST, document(400, success=False, errorCode="MISSING_INFO", message="no"))
    push = make_push(100, workers=2)
    assert push.run() == "Pango refused 50 requests in a row, and took none"
    dead = push.outbox.get_push(push.id)["dead"]
    assert 50 <= dead < 100
    assert len(push.outbox.claim(push.id, 100)) == 100 - dead


def test_a_poison_record_is_isolated(pango, make_push):
    """Refused batches are halved until each record at fault is alone: those are dead, all others are accepted once."""
    poison = {"P1", "P24", "P25", "P49"}
    accepted = []

    def judge(request, call):
        names = [entry["refId"] for entry in orjson.loads(call.body)["entries"]]
        if poison & set(names):
            document(400, success=False, errorCode="MISSING_INFO", message="no")(request, call)
        else:
            accepted.extend(names)
            answer(SUCCESS)(request, call)

    pango.on(INGEST, judge)
    entries = [{"refId": f"P{number}"} for number in range(50)]
    push = make_push(batches=[(orjson.dumps(entries), 50)], workers=3)
    assert push.run() is None
    assert {row["ref_id"] for row in push.outbox.dead_letters(push.id)} == poison
    assert sorted(accepted) == sorted({entry["refId"] for entry in entries} - poison)
