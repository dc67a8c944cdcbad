"""Backoff: how a push slows down while Pango fails, and when it gives up."""

import random
import time
from collections.abc import Callable

from provider.ingestion.pango.pango_client import Answer

FAILURES_BEFORE_PAUSES = 5
"""Failures in a row after which one batch at a time is sent, with a pause before each."""

GIVE_UP_SECONDS = 300.0
"""A push stops after this many seconds in which every request failed."""

GIVE_UP_SECONDS_AT_FIRST = 30.0
"""The same when no request has succeeded yet: then an address in the settings is likely wrong."""

GIVE_UP_SECONDS_WITHOUT_TOKEN = 5.0
"""The same when Pango refuses a token: the credentials are likely wrong."""

MOST_REFUSALS = 500
"""Refusals in a row after which a push stops: then something else than single records is wrong."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


def pause_after(failures: int) -> float:
    """Return how long to wait after this many failures, in seconds: twice as long each time, 30 at most, +/- 25 %."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(failures, 10)))
    return longest * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret


class Backoff:
    """Decides from the latest answers how many batches may be under way, and whether to stop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.last_failure: str | None = None
        """What went wrong in the last request, None when it succeeded."""

        self.limited = 0
        """Answers in a row that said to wait."""

        self._failed = self._refused = self._pauses = 0
        self._failing_since = self._no_token_since = self._try_at = 0.0
        self._gives_up = self._has_worked = False

    def add_answer(self, answer: Answer) -> None:
        """Take an answer into account."""
        if answer.outcome == "failed":
            self._add_failure(answer)
            return
        self._failed = self._pauses = 0
        self._failing_since = self._no_token_since = 0.0
        self._has_worked = True
        self.last_failure = None
        self.limited = self.limited + 1 if answer.outcome == "limited" else 0
        if answer.outcome != "limited":
            self._refused = self._refused + 1 if answer.outcome == "refused" else 0

    def most_under_way(self, most: int) -> int:
        """Return how many batches may be under way now, `most` when Pango does not fail."""
        if self._failed < FAILURES_BEFORE_PAUSES:
            return most
        return 1 if self._clock() >= self._try_at else 0

    def reason_to_stop(self) -> str | None:
        """Return why the push must stop, None when it may go on."""
        if self._gives_up:
            hint = "" if self._has_worked else " Check PROVIDER_PANGO_AUTH_URL and PROVIDER_PANGO_INGEST_URL."
            return f"Pango takes nothing: {self.last_failure}{hint}"
        if self._refused >= MOST_REFUSALS:
            return f"Pango refused {MOST_REFUSALS} requests in a row, and took none"
        return None

    def _add_failure(self, answer: Answer) -> None:
        self.last_failure = f"{answer.message} ({answer.code})" if answer.code else answer.message
        now = self._clock()
        self._failing_since = self._failing_since or now
        no_token = answer.requests == 0 and answer.code is not None
        self._no_token_since = (self._no_token_since or now) if no_token else 0.0
        patience = GIVE_UP_SECONDS if self._has_worked else GIVE_UP_SECONDS_AT_FIRST
        self._gives_up = now - self._failing_since > patience or (
            no_token and now - self._no_token_since > GIVE_UP_SECONDS_WITHOUT_TOKEN
        )
        self._failed += 1
        # Requests that were under way when the failures began do not count as another try.
        if self._failed >= FAILURES_BEFORE_PAUSES and now >= self._try_at:
            self._pauses += 1
            self._try_at = now + pause_after(self._pauses)
