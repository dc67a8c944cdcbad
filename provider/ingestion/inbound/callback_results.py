"""What a callback says of each record, read with patience (PangoCDP, "Data Ingestion Callback")."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from provider.errors import InvalidRequest

STORED = 200
UNREADABLE = 0
"""Our own status for a result that has none: what was sent is kept as its message."""

LONGEST_ID = 255
LONGEST_MESSAGE = 16_000
"""Characters that fit into a MySQL TEXT, four bytes each."""

_STATUS = re.compile(r"-?[0-9]{1,9}")
_MOST = 999_999_999


class Result(NamedTuple):
    """What Pango says of one record: `status` 200 is stored, anything else failed."""

    ref_id: str
    status: int
    cdp_id: str | None
    message: str | None


def read_results(payload: Mapping[str, Any]) -> list[Result]:
    """Read {"data": {refId: result}}; one strange result does not spoil the others. InvalidRequest."""
    data = _as_object(payload.get("data"))
    if data is None:
        raise InvalidRequest('The body must be like {"data": {"<refId>": {"status": 200}}}.')
    return [_read(ref_id, told) for ref_id, told in data.items()]


def clean(text: str, longest: int) -> str:
    """Make text fit for a column: PostgreSQL has no NUL."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _read(ref_id: str, told: object) -> Result:
    key = _key(ref_id)
    result = _as_object(told)
    status = None if result is None else _status(result.get("status"))
    if result is None or status is None:
        return Result(key, UNREADABLE, None, _text(told, LONGEST_MESSAGE))
    # The table of Pango's page names it errorMessage, the sample errorMess.
    message = result.get("errorMessage") or result.get("errorMess")
    return Result(key, status, _text(result.get("cdpId"), LONGEST_ID), _text(message, LONGEST_MESSAGE))


def _key(ref_id: str) -> str:
    """Shorten a refId that no column has room for to its beginning and a hash of it: nobody's result is lost."""
    if len(ref_id) > LONGEST_ID:
        digest = hashlib.sha256(ref_id.encode()).hexdigest()
        ref_id = ref_id[: LONGEST_ID - len(digest)] + digest
    return clean(ref_id, LONGEST_ID)


def _as_object(value: object) -> dict[str, Any] | None:
    """Give an object, also one that is written as text: Pango's table says String, its sample has an object."""
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
    return clean(value if isinstance(value, str) else _written(value), longest)


def _written(value: object) -> str:
    """Write what is no text as JSON; orjson reads 1024 levels and writes 254."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return "nested too deeply to be kept"
