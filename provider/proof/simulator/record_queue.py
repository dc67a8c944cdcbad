"""The queue behind the ingest: stores what was answered with success, a while later."""

import time
from threading import Event

import orjson

from provider.proof.simulator.faults import Faults
from provider.proof.simulator.record_rules import canonical, cdp_id_of, key_of, ref_id_of
from provider.proof.simulator.simulator_state import Queued, State, Stored

PAUSE_SECONDS = 0.02
"""How often to look, when there was nothing to do."""


def store_forever(state: State, faults: Faults, stop: Event, *, report: bool) -> None:
    """Store what is due until told to stop; with `report`, leave results for the callbacks."""
    while not stop.is_set():
        if due := state.due(time.time()):
            state.store([_prepare(queued, faults, report=report) for queued in due])
        else:
            stop.wait(PAUSE_SECONDS)


def _prepare(queued: Queued, faults: Faults, *, report: bool) -> Stored:
    records: dict[str, tuple[str, bytes]] = {}
    results: dict[str, dict[str, str | int]] = {}
    for record in orjson.loads(queued.entries):
        key = key_of(queued.object_type, record)
        ref_id = ref_id_of(queued.object_type, record)
        if not (rejected := faults.reject()):
            records[key] = (ref_id, canonical(record))
        if report and rejected:
            # The one failure whose code and text are known (PangoCDP, "Data Ingestion Callback").
            results[ref_id] = {"status": 101, "errorMess": "Missing momCode"}
        elif report:
            results[ref_id] = {"status": 200, "cdpId": cdp_id_of(queued.object_type, key)}
    return Stored(queued, records, results)
