"""Batches: records as JSON, packed into requests within Pango's limits; records that cannot be sent are rejected."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from provider.contract.entities import ENTITIES
from provider.records.importing.row_conversion import join_problems

MOST_ENTRIES = 50
"""Entries of one request (PangoCDP, "Data Ingestion"). With a journey event each makes one event, of at most 200."""

MOST_BYTES = 1_000_000
"""Bytes of one request's entries: 1 MiB with what goes beside them."""

GROUP = 500
"""Records that go into the outbox in one transaction."""

UNREADABLE = "Unreadable"
"""The code of a row that could not be converted to a record: its dead letter holds the row, which is never sent."""

_LONGEST_REFERENCE = 255


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one request: `payload` is a JSON array of so many `records`."""

    payload: bytes
    records: int


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that Pango or our own check refused: the record as JSON, its reference, and why."""

    payload: bytes
    reference: str | None
    code: str
    message: str


@dataclass(slots=True)
class RecordGroup:
    """Records that were read together, packed into requests. `read` counts all of them, the rejected included."""

    read: int = 0
    entries: list[Entries] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record as it was read: its place in the source, and the problems of its conversion by field."""

    place: str
    record: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)


def group_records(records: Iterable[SourceRecord], object_type: str) -> Iterator[RecordGroup]:
    """Check records and pack them into requests, 500 records at a time; only one group is in memory."""
    remaining = iter(records)
    while some := list(islice(remaining, GROUP)):
        yield _make_group(some, object_type)


def _make_group(records: list[SourceRecord], object_type: str) -> RecordGroup:
    group = RecordGroup(read=len(records))
    accepted = []
    for record in records:
        entry = _write_entry(record, object_type)
        if isinstance(entry, RejectedRecord):
            group.rejected.append(entry)
        else:
            accepted.append(entry)
    group.entries = list(pack_entries(accepted))
    return group


def pack_entries(entries: Iterable[bytes]) -> Iterator[Entries]:
    """Pack JSON objects into as few requests as the limits allow; each object must fit into one."""
    waiting: list[bytes] = []
    size = 0
    for entry in entries:
        if waiting and (len(waiting) == MOST_ENTRIES or size + len(entry) + 1 > MOST_BYTES):
            yield _join(waiting)
            waiting, size = [], 0
        waiting.append(entry)
        size += len(entry) + 1
    if waiting:
        yield _join(waiting)


def halve(payload: bytes) -> tuple[Entries, Entries]:
    """Split the entries of a refused request into two requests."""
    entries = [orjson.dumps(entry) for entry in orjson.loads(payload)]
    middle = len(entries) // 2
    return _join(entries[:middle]), _join(entries[middle:])


def references_of(payload: bytes, object_type: str) -> list[str | None]:
    """List the references of a request's records."""
    return [reference_of(record, object_type) for record in orjson.loads(payload)]


def reference_of(record: Mapping[str, Any], object_type: str) -> str | None:
    """Return the refId by which callbacks name a record, else its natural key without the company, else None."""
    if record.get("refId") not in (None, ""):
        return str(record["refId"])[:_LONGEST_REFERENCE]
    entity = ENTITIES.get(object_type)
    return "/".join(entity.key_of(record)[1:])[:_LONGEST_REFERENCE] or None if entity else None


def find_problems(record: Mapping[str, Any], object_type: str) -> Mapping[str, str]:
    """Return what is wrong with a record, by field. A record of an unknown type has no problems."""
    entity = ENTITIES.get(object_type)
    return entity.problems(record) if entity else {}


def _write_entry(read: SourceRecord, object_type: str) -> bytes | RejectedRecord:
    """Check a record and write it as JSON."""
    record = read.record
    if read.problems:
        return _reject(read, object_type, UNREADABLE, join_problems(read.problems))
    if problems := find_problems(record, object_type):
        return _reject(read, object_type, "Invalid", join_problems(problems))
    try:
        entry = orjson.dumps(record)
    except TypeError as error:  # an integer over 64 bits, or half a character
        return _reject(read, object_type, "Invalid", f"it cannot be written as JSON ({error})")
    if len(entry) + 2 > MOST_BYTES:
        message = f"the record has {len(entry):,} bytes, and a request may have {MOST_BYTES:,}"
        return _reject(read, object_type, "TooLarge", message)
    return entry


def _reject(read: SourceRecord, object_type: str, code: str, message: str) -> RejectedRecord:
    payload = json.dumps(read.record, default=str).encode()
    return RejectedRecord(payload, reference_of(read.record, object_type), code, f"{read.place}: {message}")


def _join(entries: list[bytes]) -> Entries:
    return Entries(b"[" + b",".join(entries) + b"]", len(entries))
