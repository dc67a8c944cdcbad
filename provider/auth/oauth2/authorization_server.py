"""The authorization server: Authlib's, with our clients, tokens and grants behind it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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

from provider.auth.access_tokens import AccessTokens
from provider.auth.callers import Callers
from provider.auth.client_secrets import ClientSecrets, decode_basic
from provider.auth.grants import LIFETIMES, Grants, Terms
from provider.auth.keys import CLIENT_SECRET, REFRESH_TOKEN
from provider.auth.oauth2.grant_types import S256, AuthorizationCode, ClientCredentials, RefreshToken
from provider.auth.oauth2.oauth_client import METHOD, IssuedToken, OAuthClient, Refused
from provider.auth.oauth2.token_endpoints import Introspection, Revocation
from provider.errors import Forbidden, TooManyRequests, Unauthorized
from provider.store.client_tables import Grant

GRANT_TYPES = ["client_credentials", "authorization_code", "refresh_token"]


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """The authorization server."""

    def __init__(
        self,
        app: Flask,
        *,
        callers: Callers,
        secrets: ClientSecrets,
        tokens: AccessTokens,
        grants_: Grants,
        datasets: Sequence[str],
    ) -> None:
        super().__init__()
        self.init_app(app, query_client=self._client, save_token=_keep_nothing)
        self.tokens = tokens
        self.grants = grants_
        self.datasets = datasets
        self._callers = callers
        self._secrets = secrets
        self.register_client_auth_method("client_secret_basic", self._by_basic)
        self.register_client_auth_method("client_secret_post", self._by_form)
        for grant in (ClientCredentials, RefreshToken):
            self.register_grant(grant)
        self.register_grant(AuthorizationCode, [S256(required=True)])
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def create_oauth2_request(self, asked: Any) -> OAuth2Request:
        """Read a request; invalid_request for plain http from another machine."""
        try:
            return super().create_oauth2_request(asked)
        except InsecureTransportError:
            raise InvalidRequestError(
                "Use https. If a proxy in front does, name it in PROVIDER_TRUSTED_PROXIES."
            ) from None

    def get_authorization_grant(self, asked: OAuth2Request) -> "AuthorizationCode":
        """Find the grant of an authorization request; Authlib takes a missing response type for an unknown one."""
        try:
            found: AuthorizationCode = super().get_authorization_grant(asked)
        except UnsupportedResponseTypeError as error:
            if asked.payload.response_type:
                raise
            raise InvalidRequestError("Missing response_type in request.", redirect_uri=error.redirect_uri) from None
        return found

    def generate_token(
        self,
        grant_type: str,
        client: OAuthClient,
        user: Grant | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """Issue tokens. `user` is the grant they come of, None for client_credentials."""
        allowed = client.get_allowed_scope(scope)
        if allowed is None:
            raise InvalidScopeError
        family = user.family if user else None
        text, token = self.tokens.issue(client.caller.id, METHOD, scope=allowed, family=family)
        issued = {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": self.tokens.lifetime,
            "scope": token.scope,
        }
        if user and include_refresh_token:
            # RFC 6749 section 6: a new refresh token has the scope of the one before, however little was asked for.
            terms = Terms(client=client.caller.id, scope=user.scope, family=user.family)
            issued["refresh_token"] = self.grants.make(REFRESH_TOKEN, terms)
        return issued

    def revoke_family(self, grant: Grant) -> None:
        """End everything that came of one consent."""
        self.tokens.revoke(grant.family, _family_end())

    def find_token(self, text: str) -> IssuedToken | None:
        """Find an access or a refresh token of ours."""
        if token := self.tokens.read(text):
            ends = datetime.fromtimestamp(token.expires, UTC)
            details = self._details(token.owner, token.scope, ends) | {"token_type": "Bearer", "iat": token.issued}
            return IssuedToken(token.owner, self.tokens.is_live(token), details, token.id, ends)
        if grant := self.grants.find(text, REFRESH_TOKEN):
            live = grant.used_at is None and not self.tokens.is_revoked(grant.family)
            details = self._details(grant.client_pk, grant.scope, grant.expires_at)
            return IssuedToken(grant.client_pk, live, details, grant.family, _family_end())
        return None

    def answer_token_request(self) -> Response:
        """Answer the token endpoint's request (RFC 6749 section 3.2)."""
        response: Response = self.create_token_response()
        return response

    def answer_endpoint(self, name: str) -> Response:
        """Answer a request to the revocation or the introspection endpoint."""
        response: Response = self.create_endpoint_response(name)
        return response

    def answer_authorization(self, asked: Any, *, granted: bool) -> Response:
        """Send the browser back to the client, with a code or with access_denied."""
        user = asked.request.client if granted else None
        response: Response = self.create_authorization_response(grant_user=user, grant=asked)
        return response

    def answer_error(self, error: OAuth2Error) -> Response:
        """Answer an error, at the client's address where that is known to be its own."""
        return self.handle_response(*error())

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:
        """Write an answer that nobody may keep (RFC 6749 section 5.1)."""
        response: Response = super().handle_response(status, body, headers)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _details(self, owner: int, scope: str | None, ends: datetime) -> dict[str, Any]:
        caller = self._callers.by_id(owner)
        details = {"client_id": caller.client_id if caller else None, "scope": scope, "exp": int(ends.timestamp())}
        return {name: value for name, value in details.items() if value is not None}

    def _client(self, client_id: str) -> OAuthClient | None:
        caller = self._callers.by_client_id(client_id)
        return OAuthClient(caller, self.datasets) if caller and not caller.revoked else None

    def _by_basic(self, _: Any, asked: OAuth2Request) -> OAuthClient | None:
        header = asked.headers.get("Authorization")
        if not header:
            return None
        client_id, secret = decode_basic(header) or ("", "")
        return self._authenticated(client_id, secret)

    def _by_form(self, _: Any, asked: OAuth2Request) -> OAuthClient | None:
        if "client_secret" not in asked.form:
            return None
        return self._authenticated(asked.form.get("client_id", ""), asked.form["client_secret"])

    def _authenticated(self, client_id: str, secret: str) -> OAuthClient:
        try:
            caller = self._secrets.authenticate(client_id, secret, request.remote_addr, kinds=(CLIENT_SECRET,))
        except (Unauthorized, TooManyRequests) as error:
            raise Refused(error) from None
        except Forbidden as error:
            raise UnauthorizedClientError(error.message) from None
        return OAuthClient(caller, self.datasets)


def _keep_nothing(token: Mapping[str, Any], asked: OAuth2Request) -> None:
    """Access tokens are signed, and refresh tokens are kept where they are made."""


def _family_end() -> datetime:
    """Say when the last token that can come of a consent made until now has ended."""
    return datetime.now(UTC) + LIFETIMES[REFRESH_TOKEN]
