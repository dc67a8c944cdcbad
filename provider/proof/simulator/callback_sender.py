"""The callbacks (PangoCDP, "Data Ingestion Callback"): tell a partner which records were stored."""

import secrets
from threading import Event

import httpx2
import orjson

from provider.proof.simulator.journal import Journal, Line
from provider.proof.simulator.record_queue import PAUSE_SECONDS
from provider.proof.simulator.simulator_state import State

MOST_REFS = 1_000
"""RefIds a callback carries at most. No page says how many Pango sends."""

_WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds between the attempts of one callback."""

_TIMEOUT_SECONDS = 10.0


class Callbacks:
    """Delivers results, oldest first; what cannot be delivered after the last attempt is given up."""

    def __init__(self, state: State, journal: Journal, *, url: str, key: str, speed_up: float = 1.0) -> None:
        self._state = state
        self._journal = journal
        self._url = url
        self._key = key
        self._waits = [seconds / speed_up for seconds in _WAITS]

    def deliver_forever(self, stop: Event) -> None:
        """Deliver what the storing leaves until told to stop."""
        with httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while not stop.is_set():
                waiting = self._state.callbacks(MOST_REFS)
                if not waiting:
                    stop.wait(PAUSE_SECONDS)
                    continue
                results = {ref_id: result for _, content in waiting for ref_id, result in content.items()}
                if self._deliver(client, results, stop):
                    self._state.forget_callbacks(number for number, _ in waiting)

    def _deliver(self, client: httpx2.Client, results: dict[str, dict[str, str | int]], stop: Event) -> bool:
        """Send one callback until it is taken or given up; False when told to stop in between."""
        headers = {
            "Content-Type": "application/json",
            "ApiKey": self._key,
            # How Pango computes it is not public: this one only takes its place.
            "Checksum": f"pretend-{secrets.token_hex(16)}",
        }
        body = orjson.dumps({"data": results})
        for wait in [*self._waits, None]:
            try:
                response = client.post(self._url, content=body, headers=headers)
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                outcome = type(error).__name__
            else:
                outcome = f"HTTP {response.status_code}"
                if response.is_success:
                    self._note(results, outcome)
                    return True
            self._note(results, f"{outcome}, {'given up' if wait is None else 'to be tried again'}")
            if wait is not None and stop.wait(wait):
                return False
        return True

    def _note(self, results: dict[str, dict[str, str | int]], outcome: str) -> None:
        failed = sum(result["status"] != httpx2.codes.OK for result in results.values())
        self._journal.callbacks.append(Line(f"{len(results)} refIds, {failed} of them failed", outcome))
