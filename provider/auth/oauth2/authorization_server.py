"""Connects Authlib's authorization server with our clients and tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import (
    InsecureTransportError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
)
from flask import Flask, Response, request

from provider.auth.callers import Callers
from provider.auth.client_secrets import ClientSecrets, decode_basic
from provider.auth.keys import CLIENT_SECRET
from provider.auth.oauth2.grant_types import S256, AuthorizationCode, ClientCredentials, RefreshToken
from provider.auth.oauth2.issued_tokens import IssuedTokens
from provider.auth.oauth2.oauth_client import ClientRefused, OAuthClient
from provider.auth.oauth2.token_endpoints import TokenIntrospection, TokenRevocation
from provider.errors import Forbidden, TooManyRequests, Unauthorized
from provider.store.client_tables import OneTimeSecret

GRANT_TYPES = ["client_credentials", "authorization_code", "refresh_token"]


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """The authorization server. `datasets` are the names of all datasets."""

    def __init__(
        self,
        app: Flask,
        *,
        callers: Callers,
        client_secrets: ClientSecrets,
        issued_tokens: IssuedTokens,
        datasets: Sequence[str],
    ) -> None:
        super().__init__()
        self.init_app(app, query_client=self._find_client, save_token=_save_nothing)
        self.issued_tokens = issued_tokens
        self.datasets = datasets
        self._callers = callers
        self._client_secrets = client_secrets
        self.register_client_auth_method("client_secret_basic", self._authenticate_by_basic)
        self.register_client_auth_method("client_secret_post", self._authenticate_by_form)
        self.register_grant(ClientCredentials)
        self.register_grant(RefreshToken)
        self.register_grant(AuthorizationCode, [S256(required=True)])
        self.register_endpoint(TokenRevocation)
        self.register_endpoint(TokenIntrospection)

    def create_oauth2_request(self, oauth_request: Any) -> OAuth2Request:
        """Read a request; invalid_request for plain http from another machine."""
        try:
            return super().create_oauth2_request(oauth_request)
        except InsecureTransportError:
            raise InvalidRequestError(
                "Use https. If a proxy in front does, name it in PROVIDER_TRUSTED_PROXIES."
            ) from None

    def get_authorization_grant(self, oauth_request: OAuth2Request) -> "AuthorizationCode":
        """Find the grant of an authorization request. Authlib reports a missing response type as an unknown one."""
        try:
            found: AuthorizationCode = super().get_authorization_grant(oauth_request)
        except UnsupportedResponseTypeError as error:
            if oauth_request.payload.response_type:
                raise
            raise InvalidRequestError("Missing response_type in request.", redirect_uri=error.redirect_uri) from None
        return found

    def generate_token(
        self,
        grant_type: str,
        client: OAuthClient,
        user: OneTimeSecret | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """Issue tokens. `user` is the code or refresh token that was used, None for client_credentials."""
        allowed = client.get_allowed_scope(scope)
        if allowed is None:
            raise InvalidScopeError
        return self.issued_tokens.issue(client, allowed, used=user, refresh=include_refresh_token)

    def answer_token_request(self) -> Response:
        """Answer the token endpoint's request (RFC 6749 section 3.2)."""
        response: Response = self.create_token_response()
        return response

    def answer_endpoint(self, name: str) -> Response:
        """Answer a request to the revocation or the introspection endpoint."""
        response: Response = self.create_endpoint_response(name)
        return response

    def answer_authorization(self, grant: Any, *, granted: bool) -> Response:
        """Send the browser back to the client, with a code or with access_denied."""
        user = grant.request.client if granted else None
        response: Response = self.create_authorization_response(grant_user=user, grant=grant)
        return response

    def answer_error(self, error: OAuth2Error) -> Response:
        """Answer an error; at the client's redirect address when it is a registered one."""
        return self.handle_response(*error())

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:
        """Write an answer that no cache may keep (RFC 6749 section 5.1)."""
        response: Response = super().handle_response(status, body, headers)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _find_client(self, client_id: str) -> OAuthClient | None:
        caller = self._callers.by_client_id(client_id)
        return OAuthClient(caller, self.datasets) if caller and not caller.revoked else None

    def _authenticate_by_basic(self, _: Any, oauth_request: OAuth2Request) -> OAuthClient | None:
        header = oauth_request.headers.get("Authorization")
        if not header:
            return None
        client_id, secret = decode_basic(header) or ("", "")
        return self._authenticate(client_id, secret)

    def _authenticate_by_form(self, _: Any, oauth_request: OAuth2Request) -> OAuthClient | None:
        if "client_secret" not in oauth_request.form:
            return None
        return self._authenticate(oauth_request.form.get("client_id", ""), oauth_request.form["client_secret"])

    def _authenticate(self, client_id: str, secret: str) -> OAuthClient:
        try:
            caller = self._client_secrets.authenticate(client_id, secret, request.remote_addr, kinds=(CLIENT_SECRET,))
        except (Unauthorized, TooManyRequests) as error:
            raise ClientRefused(error) from None
        except Forbidden as error:
            raise UnauthorizedClientError(error.message) from None
        return OAuthClient(caller, self.datasets)


def _save_nothing(token: Mapping[str, Any], oauth_request: OAuth2Request) -> None:
    """Do nothing: access tokens are signed, and refresh tokens are stored where they are made."""
