"""Every error inside the envelope, in the caller's own keys whenever the credentials tell who that is."""

import traceback

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from provider.api.answers import answer
from provider.auth import Authenticator
from provider.contract.envelope import Envelope
from provider.errors import (
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    PayloadTooLarge,
    ProviderError,
    UnknownDataset,
    UnsupportedMediaType,
)

_BY_STATUS: dict[int | None, type[ProviderError]] = {
    404: UnknownDataset,
    405: MethodNotAllowed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
}
_SERVER_FAULT = 500

log = structlog.get_logger()


def answer_errors(app: Flask, authenticator: Authenticator, default: Envelope) -> None:
    """Make the app answer whatever is raised. `default` is the envelope of callers nobody knows."""

    def respond(error: ProviderError) -> Response:
        g.code = error.code
        envelope = _envelope(authenticator, default)
        headers = {**error.headers, "Connection": "close"} if _unread(error) else error.headers
        return answer(envelope.error(error), status=envelope.status(error), headers=headers)

    @app.errorhandler(ProviderError)
    def provider_error(error: ProviderError) -> Response:
        if error.status >= _SERVER_FAULT:
            _log_fault(error)
        return respond(error)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        kind = _BY_STATUS.get(error.code, InternalError if (error.code or 0) >= _SERVER_FAULT else InvalidRequest)
        allowed = getattr(error, "valid_methods", None)
        return respond(kind(headers={"Allow": ", ".join(sorted(allowed))} if allowed else None))

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        _log_fault(error)
        return respond(InternalError())


def _envelope(authenticator: Authenticator, default: Envelope) -> Envelope:
    caller = g.get("caller")
    if caller is None:
        try:
            caller = authenticator.recognise(request.headers)
        except ProviderError:
            return default  # the provider database is down; the error itself is answered all the same
    return caller.envelope if caller else default


def _unread(error: ProviderError) -> bool:
    """Tell whether the body, or a part of it, was not read.

    The server then closes the connection, and unless it says so a caller that keeps connections loses its next call.
    """
    sent = request.content_length or "Transfer-Encoding" in request.headers
    return isinstance(error, PayloadTooLarge) or (bool(sent) and "stream" not in vars(request))


def _log_fault(error: Exception) -> None:
    """Log where it happened and what kind it is. Its text stays out: it may quote a phone or an email."""
    cause = error.__cause__ or error
    log.error(
        "fault",
        request_id=g.get("request_id"),
        error=type(cause).__name__,
        at=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)],
    )
