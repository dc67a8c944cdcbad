"""Stores the records of successful ingests, some time after the answer."""

import time
from threading import Event

import orjson

from provider.proof.simulator.faults import Faults
from provider.proof.simulator.record_rules import canonical_json, cdp_id_of, key_of, ref_id_of
from provider.proof.simulator.simulator_state import QueuedRequest, SimulatorState, StoredRequest

PAUSE_SECONDS = 0.02
"""How often the queue is read while it is empty."""


def store_forever(state: SimulatorState, faults: Faults, stop: Event, *, report: bool) -> None:
    """Store what is due until `stop` is set; with `report`, queue the results for callbacks."""
    while not stop.is_set():
        if due := state.due(time.time()):
            state.store([_make_outcome(queued, faults, report=report) for queued in due])
        else:
            stop.wait(PAUSE_SECONDS)


def _make_outcome(queued: QueuedRequest, faults: Faults, *, report: bool) -> StoredRequest:
    records: dict[str, tuple[str, bytes]] = {}
    results: dict[str, dict[str, str | int]] = {}
    for record in orjson.loads(queued.entries):
        key = key_of(queued.object_type, record)
        ref_id = ref_id_of(queued.object_type, record)
        if not (rejected := faults.reject()):
            records[key] = (ref_id, canonical_json(record))
        if report and rejected:
            # The one failure whose code and text are known (PangoCDP, "Data Ingestion Callback").
            results[ref_id] = {"status": 101, "errorMess": "Missing momCode"}
        elif report:
            results[ref_id] = {"status": 200, "cdpId": cdp_id_of(queued.object_type, key)}
    return StoredRequest(queued, records, results)
