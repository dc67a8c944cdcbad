"""One limiter for everybody: threads, processes and restarts over one database never exceed a limit together."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from services import mariadb_database, postgresql_database
from sqlalchemy import select
from support import environment

from provider.cli.db import upgrade_database
from provider.ingestion.pango.rate_limiter import Limiter
from provider.ingestion.pango.rate_windows import Window
from provider.settings import Settings
from provider.store.provider_database import open_database
from provider.store.push_tables import RateState

WINDOWS = [Window(20, 0.5), Window(60, 2)]

SENDER = """
import sys, time
from provider.ingestion.pango.rate_limiter import Limiter
from provider.ingestion.pango.rate_windows import Window
from provider.settings import Settings
from provider.store.provider_database import open_database

engine = open_database(Settings(database_url=sys.argv[1]))
limiter = Limiter(engine, "account", [Window(20, 0.5), Window(60, 2)])
print("ready", flush=True)
sys.stdin.readline()
ends = time.time() + float(sys.argv[2])
permits = 0
while time.time() < ends:
    grant = limiter.settle_and_take(permits, 3)
    permits = grant.permits
    for _ in range(permits):
        print(time.time(), flush=True)
    if not permits:
        time.sleep(min(grant.wait, 0.1))
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


def start(address, seconds):
    """Start a process that sends as fast as it may for so long, once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SENDER, address, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


@pytest.mark.usefixtures("engine")
def test_processes_share_the_limits(address):
    """Three processes at once never exceed a window together, one that is killed on the way included."""
    processes = [start(address, 3.3) for _ in range(3)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    time.sleep(1.2)
    processes[0].kill()
    outputs = [process.communicate(timeout=30) for process in processes]
    assert [process.returncode for process in processes[1:]] == [0, 0], outputs
    moments = sorted(float(line) for output, _ in outputs for line in output.split())
    for window in WINDOWS:
        assert most_in_any(moments, window.seconds) <= window.limit
    # 60 at first and 60 in the next two seconds, but for what the killed one held.
    assert len(moments) >= 110


def test_threads_share_the_limits(engine):
    """Threads that take at the same moment get no more permits together than there are."""
    clock = Clock()
    limiter = Limiter(engine, "account", [Window(10, 60)], clock=clock)
    barrier = threading.Barrier(8)

    def take(_):
        barrier.wait()
        return limiter.take(2).permits

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [0, 0, 0, 2, 2, 2, 2, 2]


def test_a_restart_goes_on_with_the_count(engine):
    """A new limiter knows what the one before it used, and what that one never settled."""
    clock = Clock()
    windows = [Window(5, 60)]
    before = Limiter(engine, "account", windows, clock=clock)
    before.take(5)
    before.settle(3)
    after = Limiter(engine, "account", windows, clock=clock)
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
    one, other = (Limiter(engine, "account", [Window(2, 10)], clock=clock) for _ in range(2))
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
    one, other = (Limiter(engine, "account", WINDOWS, clock=clock) for _ in range(2))
    one.hold(30)
    grant = other.take()
    assert (grant.permits, grant.wait, grant.limited_by) == (0, 30, "Pango asked")
    clock.now += 30
    assert other.take().permits == 1


def test_accounts_do_not_share(engine):
    """Another account has limits of its own."""
    one, other = (Limiter(engine, name, [Window(1, 60)]) for name in ("one", "other"))
    assert one.take().permits == other.take().permits == 1
    assert one.take().permits == other.take().permits == 0
    with engine.connect() as connection:
        assert sorted(connection.scalars(select(RateState.name))) == ["one", "other"]


def test_a_failing_sender_changes_nothing(engine):
    """An error on the way leaves the count as it was, and the row free for others."""

    def broken():
        raise OSError

    limiter = Limiter(engine, "account", WINDOWS, clock=broken)
    with pytest.raises(OSError, match=r"^$"):
        limiter.take()
    assert Limiter(engine, "account", WINDOWS).take(3).permits == 3
