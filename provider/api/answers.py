"""Writing an answer: JSON bytes, and the client whose envelope they wear."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from flask import Response


def answer(content: Mapping[str, Any], *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Write JSON. Nothing we answer may be kept by a cache (RFC 9111 section 5.2.2.5)."""
    response = Response(orjson.dumps(content), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    for name, value in headers:
        response.headers.add(name, value)
    return response
