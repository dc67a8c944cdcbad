"""Trouble: how a push treads softly when Pango fails, and when it gives up for now."""

import random
import time

from provider.ingestion.pango.pango_client import Answer

FAILURES = 5
"""Failures in a row after which one batch at a time is tried, with a pause before each."""

PATIENCE = 300.0
"""Seconds of failures alone, before a push stops."""

PATIENCE_AT_FIRST = 30.0
"""The same when nothing has succeeded yet: then it is likely an address that is wrong."""

PATIENCE_WITHOUT_TOKEN = 5.0
"""The same when Pango says that it gives no token: that does not heal by itself."""

REFUSALS = 500
"""Refusals in a row before a push stops: then it is not the records that are wrong, or all of them."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


def pause(times: int) -> float:
    """Say how long to wait after so many failures, in seconds: doubled each time, never twice the same."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(times, 10)))
    return longest * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret


class Trouble:
    """What the answers of late say of Pango's health."""

    def __init__(self) -> None:
        self.said: str | None = None
        """What Pango, or the line to it, said last, while it fails."""

        self.limited = 0
        """Answers in a row that said to wait."""

        self._failed = self._refused = self._rounds = 0
        self._failing_since = self._no_token_since = self._try_at = 0.0
        self._gives_up = self._has_worked = False

    def note(self, answer: Answer) -> None:
        """Take an answer into account."""
        if answer.outcome == "failed":
            self._fail(answer)
            return
        self._failed = self._rounds = 0
        self._failing_since = self._no_token_since = 0.0
        self._has_worked = True
        self.said = None
        self.limited = self.limited + 1 if answer.outcome == "limited" else 0
        if answer.outcome != "limited":
            self._refused = self._refused + 1 if answer.outcome == "refused" else 0

    def room(self, most: int) -> int:
        """Say how many batches may be under way now."""
        if self._failed < FAILURES:
            return most
        return 1 if time.monotonic() >= self._try_at else 0

    def verdict(self) -> str | None:
        """Say why it is of no use to go on, if it is."""
        if self._gives_up:
            hint = "" if self._has_worked else " Check PROVIDER_PANGO_AUTH_URL and PROVIDER_PANGO_INGEST_URL."
            return f"Pango takes nothing: {self.said}{hint}"
        if self._refused >= REFUSALS:
            return f"Pango refused {REFUSALS} requests in a row, and took none"
        return None

    def _fail(self, answer: Answer) -> None:
        self.said = f"{answer.message} ({answer.code})" if answer.code else answer.message
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        no_token = answer.requests == 0 and answer.code is not None
        self._no_token_since = (self._no_token_since or now) if no_token else 0.0
        patience = PATIENCE if self._has_worked else PATIENCE_AT_FIRST
        self._gives_up = now - self._failing_since > patience or (
            no_token and now - self._no_token_since > PATIENCE_WITHOUT_TOKEN
        )
        self._failed += 1
        # What was under way when it began to fail is no new try.
        if self._failed >= FAILURES and now >= self._try_at:
            self._rounds += 1
            self._try_at = now + pause(self._rounds)
