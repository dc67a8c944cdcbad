"""Reads the body of a request, up to a limit, and JSON objects in it."""

from typing import Any

import orjson
from flask import Request

from provider.errors import InvalidRequest, PayloadTooLarge

LARGE = 1024 * 1024
"""The limit in bytes for a body with many records or a document. Other bodies have the app's own limit."""


def read_body(request: Request) -> bytes:
    """Read the body; PayloadTooLarge. Werkzeug would silently cut a body that is sent without its length."""
    body = request.get_data()
    if request.content_length is None and len(body) == request.max_content_length:
        over: bytes = request.environ["wsgi.input"].read(1)
        if over:
            raise PayloadTooLarge
    return body


def read_large_body(request: Request) -> bytes:
    """Read a body of up to 1 MiB; PayloadTooLarge."""
    too_large = PayloadTooLarge("The body is too large: 1 MiB is the limit.")
    if (request.content_length or 0) > LARGE:
        raise too_large
    request.max_content_length = LARGE
    try:
        return read_body(request)
    except PayloadTooLarge:
        raise too_large from None


def json_object(body: bytes, *, example: str) -> dict[str, Any]:
    """Read a JSON object; InvalidRequest."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"The body must be a JSON object, like {example}.")
    return value
