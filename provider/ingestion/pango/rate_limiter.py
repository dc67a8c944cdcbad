"""The rate limits of one account, shared by every thread, process and machine that uses a provider database."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from provider.ingestion.pango.rate_windows import Grant, Use, Window, Windows
from provider.store.push_tables import RateState

_READ = select(RateState.state).where(RateState.name == bindparam("account"))
_LOCK = _READ.with_for_update()
_WRITE = update(RateState).where(RateState.name == bindparam("account")).values(state=bindparam("written"))


class Limiter:
    """Gives permits for requests. Everything it does is one short transaction; SQLAlchemyError when that fails.

    The clocks of machines that share a database must agree, as time servers make them.
    """

    def __init__(
        self, engine: Engine, name: str, windows: Sequence[Window], *, clock: Callable[[], float] = time.time
    ) -> None:
        """Take `name` from `account_name(settings)` and `windows` from `read_windows(settings.pango_rate_limits)`.

        A limiter is one owner of permits: make one for each process, after it has been forked.
        """
        self._engine = engine
        self._name = name
        self._windows = windows
        self._clock = clock
        self._owner = secrets.token_hex(4)
        self._one_at_a_time = Lock()  # a database lets threads of ours wait less fairly
        with suppress(IntegrityError), engine.begin() as connection:  # somebody else has made it
            connection.execute(insert(RateState).values(name=name, state=Windows(windows).dump()))

    def take(self, wanted: int = 1) -> Grant:
        """Take up to `wanted` permits; each is for one request, made at once, and must be settled."""
        return self.settle_and_take(0, wanted)

    def settle(self, permits: int) -> None:
        """Give permits back: their requests were answered, or given up. They count as made now."""
        self.settle_and_take(permits, 0)

    def settle_and_take(self, settled: int, wanted: int) -> Grant:
        """Do both in one transaction."""
        with self._locked() as windows:
            now = self._clock()
            if settled:
                windows.settle(now, settled, self._owner)
            return windows.take(now, wanted, self._owner)

    def hold(self, seconds: float) -> None:
        """Let nobody send for so long: Pango asked for it."""
        with self._locked() as windows:
            windows.hold(self._clock(), seconds)

    def uses(self) -> list[Use]:
        """Tell how much of each window is used."""
        with self._engine.connect() as connection:
            return self._load(connection.execute(_READ, {"account": self._name}).scalar_one()).uses(self._clock())

    @contextmanager
    def _locked(self) -> Iterator[Windows]:
        """Give the windows to change, while everybody else waits."""
        with self._one_at_a_time, self._engine.begin() as connection:
            windows = self._load(self._lock(connection))
            yield windows
            connection.execute(_WRITE, {"account": self._name, "written": windows.dump()})

    def _lock(self, connection: Connection) -> bytes:
        if connection.dialect.name == "sqlite":  # which has no locks on rows
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        return connection.execute(_LOCK, {"account": self._name}).scalar_one()

    def _load(self, state: bytes) -> Windows:
        return Windows.load(self._windows, state)
