"""Batches: cut records into the entries of requests, as JSON, and set aside what cannot be sent at all."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from provider.contract.entities import ENTITIES

MOST_ENTRIES = 50
"""Entries of one request (PangoCDP, "Data Ingestion"). With a journey event each makes one event, of at most 200."""

MOST_BYTES = 1_000_000
"""Bytes of one request's entries: 1 MiB with what goes beside them."""

GROUP = 500
"""Records that go into the outbox in one transaction."""

UNREADABLE = "Unreadable"
"""The code of a row that could not be read as it is meant: what is kept of it is no record."""

_LONGEST_REFERENCE = 255


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one request: a JSON array, and how many they are."""

    payload: bytes
    records: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is not sent: what it was, as JSON, and why."""

    payload: bytes
    reference: str | None
    code: str
    message: str


@dataclass(slots=True)
class Group:
    """Some records of an origin, cut: `read` counts them, sent or not."""

    read: int = 0
    entries: list[Entries] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """A record as it came from its origin: where it stood, and what could not be understood of it, by field."""

    place: str
    record: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)


def cut(records: Iterable[Read], object_type: str) -> Iterator[Group]:
    """Cut records into groups of entries, checked by what is known of their type; nothing is held beyond a group."""
    remaining = iter(records)
    while some := list(islice(remaining, GROUP)):
        yield _cut_group(some, object_type)


def _cut_group(some: list[Read], object_type: str) -> Group:
    group = Group(read=len(some))
    good = []
    for item in some:
        entry = _check(item, object_type)
        if isinstance(entry, Rejected):
            group.rejected.append(entry)
        else:
            good.append(entry)
    group.entries = list(join(good))
    return group


def join(entries: Iterable[bytes]) -> Iterator[Entries]:
    """Join JSON objects into requests, as few as the limits allow; each must fit in one."""
    waiting: list[bytes] = []
    size = 0
    for entry in entries:
        if waiting and (len(waiting) == MOST_ENTRIES or size + len(entry) + 1 > MOST_BYTES):
            yield _array(waiting)
            waiting, size = [], 0
        waiting.append(entry)
        size += len(entry) + 1
    if waiting:
        yield _array(waiting)


def halves(payload: bytes) -> tuple[Entries, Entries]:
    """Cut the entries of a refused request in two."""
    entries = [orjson.dumps(entry) for entry in orjson.loads(payload)]
    middle = len(entries) // 2
    return _array(entries[:middle]), _array(entries[middle:])


def references(payload: bytes, object_type: str) -> list[str | None]:
    """List what tells the records of a request apart."""
    return [reference(entry, object_type) for entry in orjson.loads(payload)]


def reference(record: Mapping[str, Any], object_type: str) -> str | None:
    """Name a record: its refId, by which callbacks name it, or else its natural key without the company."""
    if record.get("refId") not in (None, ""):
        return str(record["refId"])[:_LONGEST_REFERENCE]
    entity = ENTITIES.get(object_type)
    return "/".join(entity.key_of(record)[1:])[:_LONGEST_REFERENCE] or None if entity else None


def check(record: Mapping[str, Any], object_type: str) -> Mapping[str, str]:
    """Give what is wrong with a record, by field; of a type nobody knows nothing is."""
    entity = ENTITIES.get(object_type)
    return entity.problems(record) if entity else {}


def _check(item: Read, object_type: str) -> bytes | Rejected:
    record = item.record
    if item.problems:
        return _reject(item, object_type, UNREADABLE, _join(item.problems))
    if problems := check(record, object_type):
        return _reject(item, object_type, "Invalid", _join(problems))
    try:
        entry = orjson.dumps(record)
    except TypeError as error:  # a number past 64 bits, half a character
        return _reject(item, object_type, "Invalid", f"it cannot be written as JSON ({error})")
    if len(entry) + 2 > MOST_BYTES:
        message = f"the record has {len(entry):,} bytes, and a request may have {MOST_BYTES:,}"
        return _reject(item, object_type, "TooLarge", message)
    return entry


def _reject(item: Read, object_type: str, code: str, message: str) -> Rejected:
    payload = json.dumps(item.record, default=str).encode()
    return Rejected(payload, reference(item.record, object_type), code, f"{item.place}: {message}")


def _join(problems: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {why}".strip() for name, why in problems.items())


def _array(entries: list[bytes]) -> Entries:
    return Entries(b"[" + b",".join(entries) + b"]", len(entries))
