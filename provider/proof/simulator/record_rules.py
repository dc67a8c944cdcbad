"""One record of an ingest: what is wrong with it, and the keys it goes by."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from provider.contract.entities import ENTITIES


def wrong_field(object_type: str, entries: list[Any]) -> str | None:
    """Name the first field that is wrong, or None. Records of a type nobody knows are only asked to be objects."""
    entity = ENTITIES.get(object_type)
    for entry in entries:
        if not isinstance(entry, dict) or not entry:
            return "entries"
        if entity and (problems := entity.problems(entry)):
            return next(iter(problems))
    return None


def canonical(content: Any) -> bytes:
    """Write a record, or several, as JSON in one way only: members by name, no blanks."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def key_of(object_type: str, record: Mapping[str, Any]) -> str:
    """Give the key a record is stored under: the parts of its natural key with slashes between.

    A percent sign in a part is written %25 and a slash %2F, so that two keys never look alike. Of a type nobody knows
    the refId is the key, else the id, else a digest of the whole record.
    """
    if entity := ENTITIES.get(object_type):
        company, *parts = entity.key_of(record)
        parts = [company, *parts] if company else parts
    else:
        parts = [_own_key(record)]
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def ref_id_of(object_type: str, record: Mapping[str, Any]) -> str:
    """Give the refId a callback names a record by: its refId, else its natural key without the company."""
    if (ref_id := record.get("refId")) is not None:
        return str(ref_id)
    entity = ENTITIES.get(object_type)
    return "/".join(entity.key_of(record)[1:]) if entity else _own_key(record)


def cdp_id_of(object_type: str, key: str) -> str:
    """Give the id under which the pretend Pango keeps a record: always the same for the same record."""
    return sha256(f"{object_type}\n{key}".encode()).hexdigest()[:34]


def _own_key(record: Mapping[str, Any]) -> str:
    for name in ("refId", "id"):
        if (value := record.get(name)) not in (None, ""):
            return str(value)
    return sha256(canonical(record)).hexdigest()
