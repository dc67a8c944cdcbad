"""Sends callbacks (PangoCDP, "Data Ingestion Callback"): which records were stored."""

import secrets
from threading import Event

import httpx2
import orjson

from provider.proof.simulator.journal import Journal, JournalLine
from provider.proof.simulator.record_queue import PAUSE_SECONDS
from provider.proof.simulator.simulator_state import SimulatorState

MOST_REFS = 1_000
"""RefIds of one callback at most. Pango does not document how many it sends."""

_WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds between the attempts of one callback."""

_TIMEOUT_SECONDS = 10.0


class CallbackSender:
    """Sends results, oldest first. A callback that fails in its last attempt is given up."""

    def __init__(self, state: SimulatorState, journal: Journal, *, url: str, key: str, speed_up: float = 1.0) -> None:
        self._state = state
        self._journal = journal
        self._url = url
        self._key = key
        self._waits = [seconds / speed_up for seconds in _WAITS]

    def send_forever(self, stop: Event) -> None:
        """Send the results of stored records until `stop` is set."""
        with httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while not stop.is_set():
                waiting = self._state.callbacks(MOST_REFS)
                if not waiting:
                    stop.wait(PAUSE_SECONDS)
                    continue
                results = {ref_id: result for _, content in waiting for ref_id, result in content.items()}
                if self._send(client, results, stop):
                    self._state.delete_callbacks(number for number, _ in waiting)

    def _send(self, client: httpx2.Client, results: dict[str, dict[str, str | int]], stop: Event) -> bool:
        """Send one callback until it succeeds or is given up; return False when `stop` is set meanwhile."""
        headers = {
            "Content-Type": "application/json",
            "ApiKey": self._key,
            # Pango does not publish how it computes the checksum.
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
                    self._add_to_journal(results, outcome)
                    return True
            self._add_to_journal(results, f"{outcome}, {'given up' if wait is None else 'to be tried again'}")
            if wait is not None and stop.wait(wait):
                return False
        return True

    def _add_to_journal(self, results: dict[str, dict[str, str | int]], outcome: str) -> None:
        failed = sum(result["status"] != httpx2.codes.OK for result in results.values())
        self._journal.callbacks.append(JournalLine(f"{len(results)} refIds, {failed} of them failed", outcome))
