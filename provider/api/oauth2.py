"""The OAuth 2.0 addresses, as the RFCs describe them and without the envelope."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Blueprint, Response, request

from provider.api.responses import json_response
from provider.auth.access import SCOPE
from provider.auth.oauth2.authorization_server import GRANT_TYPES, OAuthServer
from provider.auth.oauth2.oauth_client import CLIENT_SECRET_METHODS

_QUOTED = {"grant_type", "client_id", "redirect_uri", "response_type", "scope"}


def oauth2_api(server: OAuthServer) -> Blueprint:
    """Make the OAuth 2.0 routes, except the consent page."""
    blueprint = Blueprint("oauth2", __name__)

    @blueprint.errorhandler(OAuth2Error)
    def refuse(error: OAuth2Error) -> Response:
        return server.answer_error(error)

    @blueprint.post("/oauth2/token")
    def token() -> Response:
        check_form(required="grant_type")
        return server.answer_token_request()

    @blueprint.post("/oauth2/revoke")
    def revoke() -> Response:
        check_form(required="token")
        return server.answer_endpoint("revocation")

    @blueprint.post("/oauth2/introspect")
    def introspect() -> Response:
        check_form(required="token")
        return server.answer_endpoint("introspection")

    @blueprint.get("/.well-known/oauth-authorization-server")
    def metadata() -> Response:
        """Describe the server (RFC 8414); the issuer is the address that was used."""
        issuer = request.url_root.rstrip("/")
        return json_response(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/oauth2/authorize",
                "token_endpoint": f"{issuer}/oauth2/token",
                "revocation_endpoint": f"{issuer}/oauth2/revoke",
                "introspection_endpoint": f"{issuer}/oauth2/introspect",
                "scopes_supported": [SCOPE + name for name in server.datasets],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": GRANT_TYPES,
                "token_endpoint_auth_methods_supported": CLIENT_SECRET_METHODS,
                "revocation_endpoint_auth_methods_supported": CLIENT_SECRET_METHODS,
                "introspection_endpoint_auth_methods_supported": CLIENT_SECRET_METHODS,
                "code_challenge_methods_supported": ["S256"],
            }
        )

    return blueprint


def check_form(*, required: str) -> None:
    """Raise OAuth2Error for a body that is not a form by RFC 6749 section 3.2: Authlib would accept more."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise InvalidRequestError("Send the parameters as application/x-www-form-urlencoded.")
    if request.query_string:
        raise InvalidRequestError("Send the parameters in the body, none in the address.")
    try:
        pairs = parse_qsl(request.get_data().decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise InvalidRequestError("The body is not a form in UTF-8.") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise InvalidRequestError("A parameter is sent twice.")
    if "Authorization" in request.headers and "client_secret" in form:
        raise InvalidRequestError("Send the client credentials in one way.")
    if not form.get(required):
        raise InvalidRequestError(f"Missing {required} in request.")
    check_quotable(form)


def check_quotable(parameters: Mapping[str, str]) -> None:
    """Raise OAuth2Error for values that Authlib would quote but an error must not hold (RFC 6749 section 5.2)."""
    for name in _QUOTED & set(parameters):
        value = parameters[name]
        if not (value.isascii() and value.isprintable()) or {'"', "\\"} & set(value):
            raise InvalidRequestError(f"{name} holds a character it may not.")
