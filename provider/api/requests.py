"""One log line for every request, under an id the caller is given too. Never a parameter, never a query string."""

import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request

# Long enough that a phone number cannot pass for an id, and without the @ of an email.
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{16,64}")

log = structlog.get_logger()


def log_requests(app: Flask) -> None:
    """Give every request an id and log how it ended."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        sent = request.headers.get("X-Request-ID")
        g.request_id = sent if sent and _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        caller = g.get("caller")
        log.info(
            "request",
            request_id=g.request_id,
            method=request.method,
            route=request.url_rule.rule if request.url_rule else None,
            dataset=g.get("dataset"),
            client=caller.name if caller else None,
            status=response.status_code,
            code=g.get("code", "0"),
            milliseconds=round((time.perf_counter() - g.began) * 1000, 2),
        )
        return response
