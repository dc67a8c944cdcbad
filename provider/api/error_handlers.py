"""Answers every error inside the envelope, with the caller's own key names when the caller is known."""

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
from provider.log import frames

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
    """Make the app answer every error. `default` is the envelope for unknown callers."""

    def respond(error: ProviderError) -> Response:
        request = current_request()
        request.code = error.code
        headers = [*error.headers, *_connection(request, error)]
        if request.path.startswith(OUTSIDE_THE_ENVELOPE):
            return json_response(_oauth(error), status=error.status, headers=headers)
        envelope = _envelope(request, authenticator) or default
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


def _connection(request: ProviderRequest, error: ProviderError) -> list[tuple[str, str]]:
    """Announce that the connection will be closed, when the body was not read to its end.

    The server closes it then, and a caller that keeps connections would lose its next call. If we waited for the body,
    strangers could block a worker's threads with bodies that never end.
    """
    sent = request.content_length or "Transfer-Encoding" in request.headers
    unread = isinstance(error, PayloadTooLarge) or (sent and "stream" not in vars(request))
    return [("Connection", "close")] if unread else []


def _oauth(error: ProviderError) -> dict[str, str]:
    """Write an error the way OAuth 2.0 does (RFC 6749 sections 4.1.2.1 and 5.2)."""
    if error.status < _SERVER_FAULT:
        code = "invalid_request"
    else:
        code = "temporarily_unavailable" if isinstance(error, SourceUnavailable) else "server_error"
    return {"error": code, "error_description": error.message}


def _envelope(request: ProviderRequest, authenticator: Authenticator) -> Envelope | None:
    """Find the envelope of a request's caller, None when the caller is unknown."""
    if request.path.startswith(PREFIX):
        return ENVELOPE
    try:
        caller = request.caller or authenticator.recognise(request.headers)
    except ProviderError:
        return None  # the provider database is down; the error itself is answered all the same
    return caller.envelope if caller else None


def _log_fault(error: Exception) -> None:
    """Log the class and the traceback of an error, without its text, which may quote a phone or an email."""
    cause = error.__cause__ or error
    log.error(
        "fault",
        request_id=current_request().id,
        error=type(cause).__name__,
        at=frames(cause.__traceback__),
    )
