"""The ingest call (PangoCDP, "Data Ingestion"): counted, checked, and queued before it is answered."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

import orjson
from flask import Response, request

from provider.proof.simulator.faults import Faults, limited
from provider.proof.simulator.json_answers import answer, sent_object
from provider.proof.simulator.record_rules import canonical_json, wrong_field
from provider.proof.simulator.request_windows import RequestWindow, RequestWindows
from provider.proof.simulator.simulator_state import SimulatorState

MOST_ENTRIES = 50
"""Entries of a request at most. The page says 100 once and 50 twice."""

_DAY = 86_400 * 1_000_000_000


class Ingestion:
    """Answers authenticated requests. `delay`: the seconds between the answer and storing the records."""

    def __init__(self, state: SimulatorState, faults: Faults, *, speed_up: float = 1.0, delay: float = 1.0) -> None:
        self._state = state
        self._faults = faults
        self._speed_up = speed_up
        self._delay = delay / speed_up
        state.delete_arrivals(time.time_ns() - round(_DAY / speed_up))
        arrivals = state.arrivals()
        self._last = arrivals[-1] if arrivals else 0
        self._windows = RequestWindows(speed_up=speed_up, arrivals=arrivals, counts=state.window_counts())

    def ingest(self) -> Response:
        """Answer a request: 429 when a window is full, 400 when it is invalid, 200 when it is queued."""
        if refused := self._faults.limit() or self._check_limits():
            return refused
        return self._faults.inject(self._accept)

    def window_use(self) -> list[tuple[RequestWindow, int]]:
        """Return the windows with the number of requests in each now."""
        with self._state.lock:
            used = self._windows.used(max(time.time_ns(), self._last))
            return [(replace(window), count) for window, count in zip(self._windows.windows, used, strict=True)]

    def _check_limits(self) -> Response | None:
        with self._state.lock:
            # Every arrival has a time of its own, also when the clock stands still or goes back.
            now = max(time.time_ns(), self._last + 1)
            wait = self._windows.arrive(now)
            self._state.store_arrival(None if wait else now, self._windows.windows)
            if not wait:
                self._last = now
                return None
        seconds = wait / 1_000_000_000
        # With a speed-up, a whole second would be far too long.
        return limited(str(ceil(seconds)) if self._speed_up == 1 else f"{ceil(seconds * 1000) / 1000:.3f}")

    def _accept(self) -> Response:
        if request.mimetype != "application/json":
            return _invalid("Content-type")
        if request.args.get("initData", "false") not in ("true", "false"):
            return _invalid("initData")
        if (sent := sent_object()) is None:
            return _invalid("payload")
        if refused := _check_payload(sent):
            return refused
        try:
            entries = canonical_json(sent["entries"])
        except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
            return _invalid("entries")
        due_at = time.time() + self._delay
        self._state.queue(sent["objectType"], entries, count=len(sent["entries"]), due_at=due_at)
        return answer({"success": True})


def _check_payload(sent: Mapping[str, Any]) -> Response | None:
    object_type, entries = sent.get("objectType"), sent.get("entries")
    if not isinstance(object_type, str) or not object_type:
        return _missing("objectType")
    if entries is None:
        return _missing("entries")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_ENTRIES:
        return _invalid("entries")
    wrong = wrong_field(object_type, entries)
    return _invalid(wrong) if wrong else None


def _missing(name: str) -> Response:
    """Answer 400 for a missing member, as documented."""
    content = {"success": False, "errorCode": "MISSING_INFO", "message": f"Invalid value of: {name}"}
    return answer(content, status=400)


def _invalid(name: str) -> Response:
    """Answer 400 for a wrong member. Only the first two members of this answer are documented."""
    content = {"success": False, "requestId": secrets.token_hex(16)}
    return answer(content | {"errorCode": "MISSING_INFO", "message": f"Invalid value of: {name}"}, status=400)
