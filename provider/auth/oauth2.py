"""OAuth 2.0 by Authlib: its grants on our clients, tokens and grants, and a cure for what it is lax about.

RFC 6749 (grants), 7636 (PKCE), 7009 (revocation), 7662 (introspection), 9700 (security).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import (
    ClientMixin,
    InsecureTransportError,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    TokenMixin,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, Response, request

from provider.auth.access_token import AccessTokens
from provider.auth.authenticator import WEBHOOK, scope_of
from provider.auth.callers import Caller, Callers
from provider.auth.client_secret import CHALLENGE, ClientSecrets, decode_basic
from provider.auth.grants import LIFETIMES, Grants, Terms
from provider.auth.keys import AUTHORIZATION_CODE, CLIENT_SECRET, REFRESH_TOKEN
from provider.errors import Forbidden, TooManyRequests, Unauthorized
from provider.store.models import Grant

METHOD = "oauth"
AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
GRANT_TYPES = ["client_credentials", "authorization_code", "refresh_token"]
_UNAUTHORIZED = 401
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url (RFC 7636 section 4.2)


class OAuthClient(ClientMixin):  # type: ignore[misc]
    """A caller as Authlib wants to see a client. `datasets` are the names of all there are."""

    def __init__(self, caller: Caller, datasets: Sequence[str]) -> None:
        self.caller = caller
        granted = datasets if caller.grants is None else [name for name in datasets if name in caller.grants]
        webhooks = [right for right in caller.grants or () if right.startswith(WEBHOOK)]
        self.scopes = [scope_of(right) for right in [*granted, *webhooks]]

    def get_client_id(self) -> str:
        return self.caller.client_id

    def get_default_redirect_uri(self) -> str | None:
        uris = self.caller.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.caller.redirect_uris

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Give the scopes asked for, all that are granted when none is; None when one is unknown or not granted."""
        asked = (scope or "").split() or self.scopes
        return " ".join(dict.fromkeys(asked)) if asked and set(asked) <= set(self.scopes) else None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in AUTH_METHODS

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """Allow a grant type; the two that need a browser only where a redirect address is registered."""
        if METHOD not in self.caller.methods:
            return False
        return grant_type == "client_credentials" or bool(self.caller.redirect_uris)


@dataclass
class IssuedToken(TokenMixin):  # type: ignore[misc]
    """An access or a refresh token, for revocation and introspection."""

    owner: int
    live: bool
    details: dict[str, Any]
    revoked_id: str
    revoked_until: datetime

    def check_client(self, client: OAuthClient) -> bool:
        return client.caller.id == self.owner

    def is_expired(self) -> bool:
        return not self.live

    def is_revoked(self) -> bool:
        return not self.live


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


class Refused(OAuth2Error):  # type: ignore[misc]
    """A client that did not prove itself, in the words of RFC 6749 section 5.2; too often is 429."""

    error = "invalid_client"

    def __init__(self, refusal: Unauthorized | TooManyRequests | None = None) -> None:
        super().__init__(description="Client authentication failed.")
        self.status_code = refusal.status if refusal else _UNAUTHORIZED
        self._headers = list(refusal.headers if refusal else CHALLENGE)

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = super().get_headers()
        return headers + self._headers


class _Strict:
    """What our grants have in common: both ways of authenticating, and scopes held to what the client was granted."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: OAuthServer
    request: OAuth2Request

    def authenticate_token_endpoint_client(self) -> OAuthClient:
        client: OAuthClient
        try:
            client = super().authenticate_token_endpoint_client()  # type: ignore[misc]
        except InvalidClientError:
            raise Refused from None
        self.request.client = client
        return client

    def validate_requested_scope(self) -> None:
        client = self.request.client
        if client is None or client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError

    def use(self, grant: Grant) -> Grant:
        """Use a grant up before anything is issued for it."""
        if not self.server.grants.use(grant):
            self.server.revoke_family(grant)
            raise InvalidGrantError
        return grant

    def unused(self, text: str, kind: str, client: OAuthClient) -> Grant | None:
        """Find a client's grant. One that comes a second time was stolen: all that came of it ends (RFC 9700 4.14)."""
        if not text:
            raise InvalidRequestError(f"Missing {kind} in request.")
        grant = self.server.grants.find(text, kind)
        if grant is None or grant.client_pk != client.caller.id:
            return None
        if grant.used_at is not None:
            self.server.revoke_family(grant)
            return None
        return None if self.server.tokens.is_revoked(grant.family) else grant


class ClientCredentials(_Strict, grants.ClientCredentialsGrant):  # type: ignore[misc]
    """RFC 6749 section 4.4."""


class AuthorizationCode(_Strict, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """RFC 6749 section 4.1, with PKCE."""

    def save_authorization_code(self, code: str, asked: OAuth2Request) -> None:
        """Do nothing: `generate_authorization_code` has kept it."""

    def generate_authorization_code(self) -> str:
        payload = self.request.payload
        return self.server.grants.make(
            AUTHORIZATION_CODE,
            Terms(
                client=self.request.client.caller.id,
                scope=self.request.scope,
                redirect_uri=payload.redirect_uri,
                code_challenge=payload.data["code_challenge"],
            ),
        )

    def query_authorization_code(self, code: str, client: OAuthClient) -> "_Code | None":
        grant = self.unused(code, AUTHORIZATION_CODE, client)
        return _Code(grant) if grant else None

    def authenticate_user(self, authorization_code: "_Code") -> Grant:
        return self.use(authorization_code.grant)

    def delete_authorization_code(self, authorization_code: "_Code") -> None:
        """Do nothing: it stays as used until it expires, so that a second use is noticed."""


class RefreshToken(_Strict, grants.RefreshTokenGrant):  # type: ignore[misc]
    """RFC 6749 section 6, with rotation."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> "_Refresh | None":
        grant = self.unused(refresh_token, REFRESH_TOKEN, self.request.client)
        return _Refresh(grant) if grant else None

    def authenticate_user(self, credential: "_Refresh") -> Grant:
        return self.use(credential.grant)

    def revoke_old_credential(self, credential: "_Refresh") -> None:
        """Do nothing: `authenticate_user` has used it up."""


@dataclass
class _Code:
    """An authorization code as Authlib wants to see it."""

    grant: Grant

    @property
    def code_challenge(self) -> str | None:
        return self.grant.code_challenge

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    def get_redirect_uri(self) -> str | None:
        return self.grant.redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope


@dataclass
class _Refresh:
    """A refresh token as Authlib wants to see it."""

    grant: Grant

    def check_client(self, client: OAuthClient) -> bool:
        return client.caller.id == self.grant.client_pk

    def get_scope(self) -> str:
        return self.grant.scope


class S256(CodeChallenge):  # type: ignore[misc]
    """PKCE for every client, and S256 alone: Authlib lets it be left out, and falls back to plain."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012

    def validate_code_challenge(self, grant: AuthorizationCode, redirect_uri: str) -> None:
        """Refuse a request without a challenge made by S256; invalid_request."""
        asked: Mapping[str, str] = grant.request.payload.data
        challenged = _S256_CHALLENGE.fullmatch(asked.get("code_challenge", ""))
        if not challenged or asked.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: send code_challenge, and code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)


class _TokenEndpoint:
    """What revocation and introspection have in common."""

    CLIENT_AUTH_METHODS = AUTH_METHODS
    server: OAuthServer

    def authenticate_endpoint_client(self, asked: OAuth2Request) -> OAuthClient:
        try:
            client: OAuthClient = super().authenticate_endpoint_client(asked)  # type: ignore[misc]
        except InvalidClientError:
            raise Refused from None
        return client

    def check_params(self, asked: OAuth2Request, client: OAuthClient) -> None:
        """Demand a token. A type hint only helps to find it: the form of a token says what it is."""
        if not asked.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token: str, hint: str | None) -> IssuedToken | None:
        return self.server.find_token(token)


class Revocation(_TokenEndpoint, RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009."""

    def revoke_token(self, token: IssuedToken, asked: OAuth2Request) -> None:
        """End a token at once; a refresh token takes along all that came of its consent."""
        self.server.tokens.revoke(token.revoked_id, token.revoked_until)


class Introspection(_TokenEndpoint, IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662. A client may look at its own tokens."""

    def check_permission(self, token: IssuedToken, client: OAuthClient, asked: OAuth2Request) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return token.details


def _keep_nothing(token: Mapping[str, Any], asked: OAuth2Request) -> None:
    """Access tokens are signed, and refresh tokens are kept where they are made."""


def _family_end() -> datetime:
    """Say when the last token that can come of a consent made until now has ended."""
    return datetime.now(UTC) + LIFETIMES[REFRESH_TOKEN]
