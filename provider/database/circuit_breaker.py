"""Guards: they keep a database that is dead, hanging or slow from taking a worker with it."""

import os
import socket
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

FAILURES = 3
"""Failures in a row after which the guarded thing counts as down."""

PAUSE = 1.0
"""Seconds between two tries of what is down; whoever else comes is refused at once."""

_LOOK_EVERY = 0.1
"""Seconds between two looks at the clock."""


class Breaker:
    """Refuses at once what has failed a few times in a row, and lets one try through now and then."""

    def __init__(self) -> None:
        self._failures = 0
        self._next_try = 0.0
        self._lock = Lock()

    def allows(self) -> bool:
        """Tell whether to ask; while it is down, one in each pause is let through."""
        if self._failures < FAILURES:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + PAUSE
            return True

    def failed(self) -> None:
        """Note a failure."""
        with self._lock:
            self._failures += 1
            self._next_try = time.monotonic() + PAUSE

    def succeeded(self) -> None:
        """Note that it works."""
        self._failures = 0


class Watch:
    """Hangs up on a server that says nothing: libpq has no limit of its own and would wait for ever.

    The connection is given to `begin` before a statement and to `end` after it; `end` tells whether it was hung up.
    One thread looks at the clock for all of them, and only while there is something to watch.
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
            if self._thread is None or not self._thread.is_alive():  # a fork has the object, but not its thread
                self._thread = Thread(target=self._look, name="watch", daemon=True)
                self._thread.start()

    def end(self, connection: Any) -> bool:
        """Note that it waits no more; True when it waited too long."""
        with self._lock:
            return self._waiting.pop(id(connection), None) is None

    def _look(self) -> None:
        idle = False
        while True:
            time.sleep(_LOOK_EVERY)
            with self._lock:
                if idle and not self._waiting:
                    self._thread = None
                    return
                idle = not self._waiting
                now = time.monotonic()
                for key, (deadline, connection) in list(self._waiting.items()):
                    if now > deadline:
                        del self._waiting[key]
                        _hang_up(connection)


def _hang_up(connection: Any) -> None:
    """End the conversation under a driver's feet: closing the connection itself is for the thread that uses it."""
    # A driver's error and one of the system alike mean that there is nothing left to hang up on.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
