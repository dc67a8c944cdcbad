"""Writing an answer: JSON bytes, and the client whose envelope they wear."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from flask import Response

_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)


def answer(content: Mapping[str, Any], *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Write JSON. Nothing we answer may be kept by a cache (RFC 9111 section 5.2.2.5)."""
    return Response(orjson.dumps(content), status, [*_HEADERS, *headers])
