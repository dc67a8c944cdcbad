"""The results in a callback: what Pango says of each record (PangoCDP, "Data Ingestion Callback")."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from provider.errors import InvalidRequest

STORED = 200
UNREADABLE = 0
"""Our own status for a result without a readable one: its message is the result as it was sent."""

LONGEST_ID = 255
LONGEST_MESSAGE = 16_000
"""Characters that fit into a MySQL TEXT, four bytes each."""

_STATUS = re.compile(r"-?[0-9]{1,9}")
_MOST = 999_999_999


class Result(NamedTuple):
    """The result of one record: `status` 200 is stored, anything else failed."""

    ref_id: str
    status: int
    cdp_id: str | None
    message: str | None


def read_results(payload: Mapping[str, Any]) -> list[Result]:
    """Read {"data": {refId: result}}; an unreadable result does not affect the others. InvalidRequest."""
    data = _as_object(payload.get("data"))
    if data is None:
        raise InvalidRequest('The body must be like {"data": {"<refId>": {"status": 200}}}.')
    return [_read_result(ref_id, sent) for ref_id, sent in data.items()]


def clean(text: str, longest: int) -> str:
    """Shorten text, and replace NUL, which PostgreSQL does not store."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _read_result(ref_id: str, sent: object) -> Result:
    key = _key(ref_id)
    result = _as_object(sent)
    status = None if result is None else _status(result.get("status"))
    if result is None or status is None:
        return Result(key, UNREADABLE, None, _text(sent, LONGEST_MESSAGE))
    # The table of Pango's page names it errorMessage, the sample errorMess.
    message = result.get("errorMessage") or result.get("errorMess")
    return Result(key, status, _text(result.get("cdpId"), LONGEST_ID), _text(message, LONGEST_MESSAGE))


def _key(ref_id: str) -> str:
    """Shorten a refId that is too long for its column to its beginning and a hash, so that it stays unique."""
    if len(ref_id) > LONGEST_ID:
        digest = hashlib.sha256(ref_id.encode()).hexdigest()
        ref_id = ref_id[: LONGEST_ID - len(digest)] + digest
    return clean(ref_id, LONGEST_ID)


def _as_object(value: object) -> dict[str, Any] | None:
    """Return an object, also one written as text: Pango's table says String, its sample has an object."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None


def _status(value: object) -> int | None:
    """Read a status: a whole number, also as text."""
    if isinstance(value, str) and _STATUS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MOST and value == int(value):
        return int(value)
    return None


def _text(value: object, longest: int) -> str | None:
    if value is None:
        return None
    return clean(value if isinstance(value, str) else _write_json(value), longest)


def _write_json(value: object) -> str:
    """Write a value as JSON; orjson reads 1024 levels and writes 254."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return "nested too deeply to be kept"
