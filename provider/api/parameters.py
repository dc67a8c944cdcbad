"""Reads a lookup's raw parameters from the query and the body of a POST (PangoCDP, "Access Data API")."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from flask import Request

from provider.api.bodies import json_object, read_body
from provider.contract.entities.fields import is_blank
from provider.errors import InvalidRequest, UnsupportedMediaType

_MOST_FIELDS = 1000


def raw_parameters(request: Request) -> Mapping[str, object]:
    """Collect the parameters. A value in the body replaces the query's, unless it is blank.

    Of a repeated parameter, the first value that is not blank counts. Raises InvalidRequest, PayloadTooLarge,
    UnsupportedMediaType.
    """
    raw: dict[str, object] = {}
    if query := request.query_string:
        raw = _decode(query, "query")
    if request.method == "POST":
        raw |= {name: value for name, value in _body(request).items() if not is_blank(value)}
    return raw


def _body(request: Request) -> Mapping[str, object]:
    kind = request.mimetype
    if kind == "multipart/form-data":
        form = _first(request.form.items(multi=True))
        if not form and request.content_length:
            raise InvalidRequest("The form in the body cannot be read, or has no fields.")
        return form
    body = read_body(request)
    if not body:
        return {}
    if kind == "application/json":
        return json_object(body, example='{"phone": "0359677657"}')
    if kind == "application/x-www-form-urlencoded":
        return _decode(body, "form")
    raise UnsupportedMediaType


def _decode(encoded: bytes, part: str) -> dict[str, object]:
    """Read name=value pairs."""
    try:
        pairs = parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest(f"The {part} is not valid: send name=value pairs, percent-encoded UTF-8.") from None
    return _first(pairs)


def _first(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Keep one value of each name: the first that is not blank."""
    values: dict[str, object] = {}
    for name, value in pairs:
        if name not in values or is_blank(values[name]):
            values[name] = value
    return values
