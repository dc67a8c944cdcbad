"""Simulated faults, each at its rate; all rates are 0 by default."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from threading import Lock
from typing import Any, NoReturn

from flask import Response

from provider.proof.simulator.journal import Journal, JournalLine
from provider.proof.simulator.json_answers import answer

RETRY_AFTER = "X-Rate-Limit-Retry-After-Seconds"
"""How long to wait after a 429 (PangoCDP, "Data Ingestion", note on rate limits)."""

_MALFORMED_WAITS = (None, "", "soon", "-1", "0.5", "99999999999")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The share of requests, from 0 to 1, that have each fault; `latency` is in seconds and delays all of them."""

    fail: float = 0.0
    limit: float = 0.0
    drop: float = 0.0
    malformed: float = 0.0
    reject: float = 0.0
    latency: float = 0.0


class Dropped(Response):
    """No answer: not a byte is sent, and the connection is closed."""

    def __call__(self, *_: Any) -> NoReturn:
        """Raise what Werkzeug's server raises itself when the caller hangs up: it logs nothing."""
        raise ConnectionAbortedError


class Faults:
    """Decides at random which requests have faults. The same seed decides the same, by the order of the requests."""

    def __init__(self, rates: Rates, journal: Journal, *, seed: int | None = None) -> None:
        self._rates = rates
        self._journal = journal
        self._random = Random(seed)  # noqa: S311 -- no secrets
        self._lock = Lock()

    def wait(self) -> None:
        """Wait for the latency."""
        if self._rates.latency:
            time.sleep(self._rates.latency)

    def limit(self) -> Response | None:
        """Answer 429 at the rate of `limit`, sometimes with a malformed waiting time."""
        if not self._happens(self._rates.limit, "429 without need"):
            return None
        if not self._happens(self._rates.malformed, "malformed waiting time"):
            return limited("1")
        with self._lock:
            return limited(self._random.choice(_MALFORMED_WAITS))

    def inject(self, respond: Callable[[], Response]) -> Response:
        """Answer a request, or inject a fault: in place of handling the request, or in place of its answer."""
        if self._happens(self._rates.fail, "500"):
            return answer(
                {"success": False, "errorCode": "INTERNAL_ERROR", "message": "A simulated failure"}, status=500
            )
        if self._happens(self._rates.drop / 2, "dropped before it was handled"):
            return Dropped()
        given = respond()
        # Of the requests that are left, so that both kinds of drop are equally frequent.
        if self._happens(self._rates.drop / (2 - self._rates.drop), "dropped after it was handled"):
            return Dropped()
        if self._happens(self._rates.malformed / 2, "answer that is no JSON"):
            return Response("<html><body>Service is busy</body></html>", given.status, content_type="text/html")
        if self._happens(self._rates.malformed / (2 - self._rates.malformed), "answer cut short"):
            body = given.get_data()
            given.set_data(body[: len(body) // 2])
        return given

    def reject(self) -> bool:
        """Return whether a queued record is to fail instead of being stored."""
        return self._happens(self._rates.reject, "record rejected")

    def _happens(self, rate: float, name: str) -> bool:
        if not rate:
            return False
        with self._lock:
            happens = self._random.random() < rate
        if happens:
            self._journal.faults.append(JournalLine(name, ""))
        return happens


def limited(wait: str | None) -> Response:
    """Make the 429 of the rate limits; `wait` is the value of the header, None leaves it out."""
    content = {"success": False, "errorCode": "TOO_MANY_REQUESTS", "message": "Rate limit exceeded"}
    return answer(content, status=429, headers=() if wait is None else ((RETRY_AFTER, wait),))
