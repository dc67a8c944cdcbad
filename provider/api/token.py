"""The Access Token API: GET and POST /v1/token, enveloped (PangoCDP, "Access Token Api")."""

from collections.abc import Iterator

from flask import Blueprint, Request, Response

from provider.api.flask_app import current_request
from provider.api.parameters import raw_parameters
from provider.api.responses import json_response
from provider.auth.access_tokens import AccessTokens
from provider.auth.challenges import CLIENT_CHALLENGE
from provider.auth.client_secrets import ClientSecrets, decode_basic
from provider.auth.keys import API_KEY, CLIENT_SECRET
from provider.errors import Forbidden, InvalidRequest, Unauthorized
from provider.settings import Settings

METHOD = "token"


def token_api(secrets: ClientSecrets, tokens: AccessTokens, settings: Settings) -> Blueprint:
    """Make the route. A client authenticates by its id and a secret, or by an API key."""
    blueprint = Blueprint("tokens", __name__)

    @blueprint.route("/v1/token", methods=["GET", "POST"])
    def token() -> Response:
        request = current_request()
        client_id, secret = _read_credentials(request, settings)
        request.caller = secrets.owner(secret)  # an error, too, is answered in the owner's own envelope
        if client_id is None:
            caller = secrets.authenticate_by_api_key(secret, request.remote_addr)
        else:
            caller = secrets.authenticate(client_id, secret, request.remote_addr, kinds=(CLIENT_SECRET, API_KEY))
        if METHOD not in caller.methods:
            raise Forbidden("This client may not get tokens here.")
        text, issued = tokens.issue(caller.id, METHOD)
        return json_response(
            caller.envelope.ok(
                {
                    "accessToken": text,
                    "tokenType": "Bearer",
                    "expiresIn": tokens.lifetime,
                    "expiresAt": issued.expires * 1000,
                }
            )
        )

    return blueprint


def _read_credentials(request: Request, settings: Settings) -> tuple[str | None, str]:
    """Return the client id and the secret; None and the key for an API key.

    Raises Unauthorized when nothing was sent, InvalidRequest when it was sent in a place or a form that is not allowed.
    """
    if settings.token_id_field in request.args or settings.token_secret_field in request.args:
        raise InvalidRequest("Credentials in the address end up in logs: send them in headers or in the body.")
    presented = [*_in_headers(request, settings), *_in_body(request, settings)]
    if len(presented) > 1:
        raise InvalidRequest("Send the client credentials in one way.")
    if not presented:
        raise Unauthorized(
            f"Send {settings.token_id_field} and {settings.token_secret_field} in the body, the same by HTTP Basic, "
            f"or an API key in the header {settings.api_key_header}.",
            headers=CLIENT_CHALLENGE,
        )
    return presented[0]


def _in_headers(request: Request, settings: Settings) -> Iterator[tuple[str | None, str]]:
    key_header = settings.api_key_header.lower()
    for name in dict.fromkeys((key_header, "authorization")):
        sent = (request.headers.get(name) or "").strip()
        basic = name == "authorization" and sent.lower().startswith("basic ")
        if sent and name == key_header and not basic:
            yield None, sent
        elif sent:
            yield decode_basic(sent) or ("", "")


def _in_body(request: Request, settings: Settings) -> Iterator[tuple[str | None, str]]:
    body = raw_parameters(request) if request.method == "POST" else {}
    if settings.token_id_field in body or settings.token_secret_field in body:
        client_id, secret = body.get(settings.token_id_field), body.get(settings.token_secret_field)
        if not isinstance(client_id, str) or not isinstance(secret, str):
            raise InvalidRequest(f"Send {settings.token_id_field} and {settings.token_secret_field}, both as text.")
        yield client_id, secret
