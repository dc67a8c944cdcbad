"""Protects the service from a database that is down, slow or silent: a circuit breaker and a watchdog."""

import os
import socket
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

FAILURES = 3
"""Failures in a row after which the circuit is open: calls are refused at once."""

PAUSE = 1.0
"""Seconds between two tries while the circuit is open."""

_CHECK_EVERY = 0.1
"""Seconds between two checks of the deadlines."""


class CircuitBreaker:
    """Refuses calls after a few failures in a row, except for one try in each pause."""

    def __init__(self) -> None:
        self._failures = 0
        self._next_try = 0.0
        self._lock = Lock()

    def allows(self) -> bool:
        """Return whether a call may be made: while the circuit is open, only one in each pause."""
        if self._failures < FAILURES:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + PAUSE
            return True

    def failed(self) -> None:
        """Note that a call failed."""
        with self._lock:
            self._failures += 1
            self._next_try = time.monotonic() + PAUSE

    def succeeded(self) -> None:
        """Note that a call succeeded: the circuit is closed."""
        self._failures = 0


class Watchdog:
    """Ends the connection to a server that does not answer: libpq has no time limit and waits for ever.

    `begin` is called before a statement and `end` after it. One thread checks the deadlines of all connections; it runs
    only while there are any.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[int, tuple[float, Any]] = {}
        self._lock = Lock()
        self._thread: Thread | None = None

    def begin(self, connection: Any) -> None:
        """Note that a connection waits for an answer from now on."""
        with self._lock:
            self._waiting[id(connection)] = (time.monotonic() + self._seconds, connection)
            if self._thread is None or not self._thread.is_alive():  # a fork copies the object, but not its thread
                self._thread = Thread(target=self._check_deadlines, name="watchdog", daemon=True)
                self._thread.start()

    def end(self, connection: Any) -> None:
        """Note that a connection waits no more."""
        with self._lock:
            self._waiting.pop(id(connection), None)

    def _check_deadlines(self) -> None:
        idle = False
        while True:
            time.sleep(_CHECK_EVERY)
            with self._lock:
                if idle and not self._waiting:
                    self._thread = None
                    return
                idle = not self._waiting
                now = time.monotonic()
                for key, (deadline, connection) in list(self._waiting.items()):
                    if now > deadline:
                        del self._waiting[key]
                        _shut_down(connection)


def _shut_down(connection: Any) -> None:
    """Shut the socket of a connection down. Closing the connection itself is for the thread that uses it."""
    # Any error here, of the driver or of the system, means that the socket is closed already.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
