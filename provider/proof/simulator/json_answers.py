"""JSON over HTTP: reading requests and writing answers."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from flask import Response, request


def sent_object() -> dict[str, Any] | None:
    """Read the request's body; None when it is no JSON object."""
    try:
        content = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def answer(content: Mapping[str, Any], *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Make an answer of JSON, its members in the order given."""
    return Response(orjson.dumps(content), status, headers, content_type="application/json")
