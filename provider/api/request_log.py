"""What is known of the request in hand, and one log line for each. Never a parameter, never a query string."""

import re
import secrets
import time
from dataclasses import dataclass

import structlog
from flask import Flask, Request, Response, g, request

from provider.auth.callers import Caller

# Hexadecimal, as UUIDs and trace ids are, and too long for a phone: nobody's data can pass for an id.
_REQUEST_ID = re.compile(r"[0-9a-fA-F-]{16,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}

log = structlog.get_logger()


@dataclass(slots=True)
class Call:
    """What a request turned out to be, as far as it got."""

    request_id: str
    began: float
    caller: Caller | None = None
    dataset: str | None = None
    code: str = "0"


def current_call() -> Call:
    """Give the request in hand."""
    call: Call = g.call
    return call


def current_request() -> Request:
    """Give the request itself: every use of Flask's proxy for it costs a microsecond."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 -- documented by Flask
    return asked


def log_requests(app: Flask) -> None:
    """Give every request an id and log how it ended."""

    @app.before_request
    def begin() -> None:
        sent = current_request().headers.get("X-Request-ID")
        request_id = sent if sent and _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
        g.call = Call(request_id, time.perf_counter())

    @app.after_request
    def end(response: Response) -> Response:
        call, asked = current_call(), current_request()
        response.headers.add("X-Request-ID", call.request_id)
        log.info(
            "request",
            request_id=call.request_id,
            method=asked.method if asked.method in _METHODS else "other",
            route=asked.url_rule.rule if asked.url_rule else None,
            dataset=call.dataset,
            client=call.caller.name if call.caller else None,
            status=response.status_code,
            code=call.code,
            milliseconds=round((time.perf_counter() - call.began) * 1000, 2),
        )
        return response
