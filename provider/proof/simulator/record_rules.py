"""One record of an ingest: what is wrong with it, its key and its refId."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from provider.contract.entities import ENTITIES


def wrong_field(object_type: str, entries: list[Any]) -> str | None:
    """Return the first field that is wrong, or None. Records of an unknown type must only be objects."""
    entity = ENTITIES.get(object_type)
    for entry in entries:
        if not isinstance(entry, dict) or not entry:
            return "entries"
        if entity and (problems := entity.problems(entry)):
            return next(iter(problems))
    return None


def canonical_json(content: Any) -> bytes:
    """Write records as canonical JSON: members sorted by name, no blanks."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def key_of(object_type: str, record: Mapping[str, Any]) -> str:
    """Return the key of a record: the parts of its natural key with slashes between.

    A percent sign in a part is written %25 and a slash %2F, so that different keys stay different. The key of an
    unknown type is the refId, else the id, else a digest of the record.
    """
    if entity := ENTITIES.get(object_type):
        company, *parts = entity.key_of(record)
        parts = [company, *parts] if company else parts
    else:
        parts = [_own_key(record)]
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def ref_id_of(object_type: str, record: Mapping[str, Any]) -> str:
    """Return the refId that a callback names a record by, else its natural key without the company."""
    if (ref_id := record.get("refId")) is not None:
        return str(ref_id)
    entity = ENTITIES.get(object_type)
    return "/".join(entity.key_of(record)[1:]) if entity else _own_key(record)


def cdp_id_of(object_type: str, key: str) -> str:
    """Return the cdpId of a record: always the same for the same record."""
    return sha256(f"{object_type}\n{key}".encode()).hexdigest()[:34]


def _own_key(record: Mapping[str, Any]) -> str:
    for name in ("refId", "id"):
        if (value := record.get(name)) not in (None, ""):
            return str(value)
    return sha256(canonical_json(record)).hexdigest()
