"""Writing a response as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from flask import Response

_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)


def json_response(
    content: Mapping[str, Any], *, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """Write JSON that no cache may keep (RFC 9111 section 5.2.2.5)."""
    return Response(orjson.dumps(content), status, [*_HEADERS, *headers])
