"""The rate limits of one Pango account, shared by all threads, processes and machines through the provider database."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock

from sqlalchemy import Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from provider.ingestion.pango.rate_windows import Allowance, RateWindow, RateWindows, WindowUse
from provider.store.push_tables import RateState

_READ = select(RateState.state).where(RateState.name == bindparam("account"))
_LOCK = _READ.with_for_update()
_WRITE = update(RateState).where(RateState.name == bindparam("account")).values(state=bindparam("written"))


class RateLimiter:
    """Gives permits for requests. Each method is one short transaction; SQLAlchemyError when that fails.

    Machines that share a database need clocks that agree, as time servers make them.
    """

    def __init__(
        self, engine: Engine, name: str, windows: Sequence[RateWindow], *, clock: Callable[[], float] = time.time
    ) -> None:
        """Take `name` from `account_name(settings)` and `windows` from `read_windows(settings.pango_rate_limits)`.

        Make one for each process, after the fork: permits belong to a limiter.
        """
        self._engine = engine
        self._name = name
        self._windows = windows
        self._clock = clock
        self._owner = secrets.token_hex(4)
        self._thread_lock = Lock()  # a database would let our threads wait less fairly
        with suppress(IntegrityError), engine.begin() as connection:  # another process has made it
            connection.execute(insert(RateState).values(name=name, state=RateWindows(windows).dump()))

    def take(self, wanted: int = 1) -> Allowance:
        """Take up to `wanted` permits. Each is for one request that is made at once, and must be settled after it."""
        return self.settle_and_take(0, wanted)

    def settle(self, permits: int) -> None:
        """Settle permits whose requests were answered or given up: they count as made now."""
        self.settle_and_take(permits, 0)

    def settle_and_take(self, settled: int, wanted: int) -> Allowance:
        """Settle permits and take others in one transaction."""
        with self._locked() as windows:
            now = self._clock()
            if settled:
                windows.settle(now, settled, self._owner)
            return windows.take(now, wanted, self._owner)

    def hold(self, seconds: float) -> None:
        """Let nobody send for so many seconds, as Pango asked."""
        with self._locked() as windows:
            windows.hold(self._clock(), seconds)

    def uses(self) -> list[WindowUse]:
        """Return how much of each window is used."""
        with self._engine.connect() as connection:
            return self._load(connection.execute(_READ, {"account": self._name}).scalar_one()).uses(self._clock())

    @contextmanager
    def _locked(self) -> Iterator[RateWindows]:
        """Lock the windows, give them to be changed, and store them."""
        with self._thread_lock, self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":  # SQLite has no lock of a row
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            windows = self._load(connection.execute(_LOCK, {"account": self._name}).scalar_one())
            yield windows
            connection.execute(_WRITE, {"account": self._name, "written": windows.dump()})

    def _load(self, state: bytes) -> RateWindows:
        return RateWindows.load(self._windows, state)
