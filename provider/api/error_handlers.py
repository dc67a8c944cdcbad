"""Every error inside the envelope, in the caller's own key names whenever the credentials tell who calls."""

import traceback

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from provider.api.callback import ENVELOPE, PREFIX
from provider.api.flask_app import ProviderRequest, current_request
from provider.api.responses import json_response
from provider.auth.authenticator import Authenticator
from provider.contract.envelope import Envelope
from provider.errors import (
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    PayloadTooLarge,
    ProviderError,
    SourceUnavailable,
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

OUTSIDE_THE_ENVELOPE = ("/oauth2/", "/.well-known/")

log = structlog.get_logger()


def answer_errors(app: Flask, authenticator: Authenticator, default: Envelope) -> None:
    """Make the app answer whatever is raised. `default` is the envelope of unknown callers."""

    def respond(error: ProviderError) -> Response:
        asked = current_request()
        asked.code = error.code
        headers = [*error.headers, *_connection(asked, error)]
        if asked.path.startswith(OUTSIDE_THE_ENVELOPE):
            return json_response(_oauth(error), status=error.status, headers=headers)
        envelope = _envelope(asked, authenticator) or default
        return json_response(envelope.error(error), status=envelope.status(error), headers=headers)

    @app.errorhandler(ProviderError)
    def provider_error(error: ProviderError) -> Response:
        if error.status >= _SERVER_FAULT:
            _log_fault(error)
        return respond(error)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        kind = _BY_STATUS.get(error.code, InternalError if (error.code or 0) >= _SERVER_FAULT else InvalidRequest)
        allowed = getattr(error, "valid_methods", None)
        return respond(kind(headers=[("Allow", ", ".join(sorted(allowed)))] if allowed else ()))

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        _log_fault(error)
        return respond(InternalError())


def _connection(asked: ProviderRequest, error: ProviderError) -> list[tuple[str, str]]:
    """Announce the end of the connection where the body, or a part of it, was not read.

    The server then closes it, and a caller that keeps connections would lose its next call. Waiting for the body
    instead would let strangers hold a worker's threads with bodies that never end.
    """
    sent = asked.content_length or "Transfer-Encoding" in asked.headers
    unread = isinstance(error, PayloadTooLarge) or (sent and "stream" not in vars(asked))
    return [("Connection", "close")] if unread else []


def _oauth(error: ProviderError) -> dict[str, str]:
    """Write an error the way OAuth 2.0 does (RFC 6749 sections 4.1.2.1 and 5.2)."""
    if error.status < _SERVER_FAULT:
        code = "invalid_request"
    else:
        code = "temporarily_unavailable" if isinstance(error, SourceUnavailable) else "server_error"
    return {"error": code, "error_description": error.message}


def _envelope(asked: ProviderRequest, authenticator: Authenticator) -> Envelope | None:
    """Find the envelope of a request's caller, None when the caller is unknown."""
    if asked.path.startswith(PREFIX):
        return ENVELOPE
    try:
        caller = asked.caller or authenticator.recognise(asked.headers)
    except ProviderError:
        return None  # the provider database is down; the error itself is answered all the same
    return caller.envelope if caller else None


def _log_fault(error: Exception) -> None:
    """Log where it happened and what kind it is, without its text, which may quote a phone or an email."""
    cause = error.__cause__ or error
    log.error(
        "fault",
        request_id=current_request().id,
        error=type(cause).__name__,
        at=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)],
    )
