"""One limiter for everybody: threads, processes and restarts over one database never exceed a limit together."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from services import mariadb_database, postgresql_database
from sqlalchemy import select
from support import environment, eventually

from provider.cli.db import upgrade_database
from provider.ingestion.pango.rate_limiter import RateLimiter
from provider.ingestion.pango.rate_windows import RateWindow
from provider.settings import Settings
from provider.store.provider_database import open_database
from provider.store.push_tables import RateState

WINDOWS = [RateWindow(20, 0.5), RateWindow(60, 2)]

SENDER = """
import sys, threading, time
from provider.ingestion.pango.rate_limiter import RateLimiter
from provider.ingestion.pango.rate_windows import RateWindow
from provider.settings import Settings
from provider.store.provider_database import open_database

engine = open_database(Settings(database_url=sys.argv[1]))
limiter = RateLimiter(engine, "account", [RateWindow(20, 0.5), RateWindow(60, 2)])
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
permits = 0
while not stop.is_set():
    allowance = limiter.settle_and_take(permits, 3)
    permits = allowance.permits
    for _ in range(permits):
        print(time.time(), flush=True)
    if not permits:
        stop.wait(min(allowance.wait, 0.1))
limiter.settle(permits)
engine.dispose()
"""


@contextmanager
def sqlite_database(folder):
    """Give the address of a SQLite file."""
    yield f"sqlite:///{folder}/limits.db"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL", "MariaDB"])
def address(request, tmp_path_factory):
    """Make a migrated database of each kind; give its address."""
    makers = {"PostgreSQL": postgresql_database, "MariaDB": mariadb_database}
    maker = makers.get(request.param, lambda: sqlite_database(tmp_path_factory.mktemp("limits")))
    with maker() as url:
        upgrade_database(Settings(database_url=url))
        yield url


@pytest.fixture
def engine(address):
    """Give an engine on that database, in which no account is known."""
    engine = open_database(Settings(database_url=address))
    with engine.begin() as connection:
        connection.execute(RateState.__table__.delete())
    yield engine
    engine.dispose()


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1_790_000_000.0

    def __call__(self):
        """Tell the time."""
        return self.now


def most_in_any(moments, seconds):
    """Count the most requests that any sliding window of this length sees."""
    return max(sum(first <= moment < first + seconds for moment in moments) for first in moments)


class Sender:
    """A process that sends as fast as it may, until it is stopped or killed."""

    def __init__(self, address, output):
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", SENDER, address],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.PIPE,
                env=environment(),
            )

    def moments(self):
        """List when it has sent; of a killed process the last line may be cut."""
        return [float(line) for line in self._output.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def stop(self):
        """Let it end, and give what it says on standard error."""
        return self.process.communicate()[1]


@pytest.fixture
def start_senders(address, tmp_path):
    """Start processes that send at the same time; none is left running."""
    senders = []

    def start(count):
        senders.extend(Sender(address, tmp_path / f"sender{number}") for number in range(count))
        return senders

    yield start
    for sender in senders:
        sender.process.kill()
        sender.process.communicate()


@pytest.mark.usefixtures("engine")
def test_processes_share_the_limits(start_senders):
    """Three processes at once never exceed a window together, one that is killed on the way included."""
    killed, *others = senders = start_senders(3)
    eventually(lambda: all(sender.moments() for sender in senders))
    killed.process.kill()
    # More than the longer window holds: they go on after it was full, also without the killed one.
    eventually(lambda: sum(len(sender.moments()) for sender in senders) >= 110)
    for sender in others:
        said = sender.stop()
        assert sender.process.returncode == 0, said
    moments = sorted(moment for sender in senders for moment in sender.moments())
    for window in WINDOWS:
        assert most_in_any(moments, window.seconds) <= window.limit


def test_threads_share_the_limits(engine):
    """Threads that take at the same moment get no more permits together than there are."""
    clock = Clock()
    limiter = RateLimiter(engine, "account", [RateWindow(10, 60)], clock=clock)
    barrier = threading.Barrier(8)

    def take(_):
        barrier.wait()
        return limiter.take(2).permits

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [0, 0, 0, 2, 2, 2, 2, 2]


def test_a_restart_goes_on_with_the_count(engine):
    """A new limiter knows what the one before it used, and what that one never settled."""
    clock = Clock()
    windows = [RateWindow(5, 60)]
    before = RateLimiter(engine, "account", windows, clock=clock)
    before.take(5)
    before.settle(3)
    after = RateLimiter(engine, "account", windows, clock=clock)
    assert after.take().permits == 0
    assert [use.used for use in after.uses()] == [5]
    clock.now += 61
    assert after.take(9).permits == 3
    after.settle(3)
    clock.now += 61
    assert after.take(9).permits == 5


def test_two_limiters_settle_their_own(engine):
    """One limiter's answers do not end the permits that another one holds."""
    clock = Clock()
    one, other = (RateLimiter(engine, "account", [RateWindow(2, 10)], clock=clock) for _ in range(2))
    one.take()
    clock.now += 40
    assert other.take().permits == 1
    other.settle(1)
    clock.now += 15
    assert [use.used for use in other.uses()] == [1]
    assert other.settle_and_take(0, 2).permits == 1


def test_a_hold_is_shared(engine):
    """When Pango asks one sender to wait, all wait, and are told why."""
    clock = Clock()
    one, other = (RateLimiter(engine, "account", WINDOWS, clock=clock) for _ in range(2))
    one.hold(30)
    grant = other.take()
    assert (grant.permits, grant.wait, grant.limited_by) == (0, 30, "Pango asked")
    clock.now += 30
    assert other.take().permits == 1


def test_accounts_do_not_share(engine):
    """Another account has limits of its own."""
    one, other = (RateLimiter(engine, name, [RateWindow(1, 60)]) for name in ("one", "other"))
    assert one.take().permits == other.take().permits == 1
    assert one.take().permits == other.take().permits == 0
    with engine.connect() as connection:
        assert sorted(connection.scalars(select(RateState.name))) == ["one", "other"]


def test_a_failing_sender_changes_nothing(engine):
    """An error on the way leaves the count as it was, and the row free for others."""

    def broken():
        raise OSError

    limiter = RateLimiter(engine, "account", WINDOWS, clock=broken)
    with pytest.raises(OSError, match=r"^$"):
        limiter.take()
    assert RateLimiter(engine, "account", WINDOWS).take(3).permits == 3
