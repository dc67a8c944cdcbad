"""The grants: how a client comes to its tokens (RFC 6749 section 4, with PKCE by RFC 7636)."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidGrantError, InvalidRequestError, InvalidScopeError, grants
from authlib.oauth2.rfc7636 import CodeChallenge

from provider.auth.grants import Terms
from provider.auth.keys import AUTHORIZATION_CODE, REFRESH_TOKEN
from provider.auth.oauth2.oauth_client import AUTH_METHODS, OAuthClient, Refused
from provider.store.client_tables import Grant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provider.auth.oauth2.authorization_server import OAuthServer

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url (RFC 7636 section 4.2)


class _Strict:
    """What our grants have in common: both ways of authenticating, and scopes held to what the client was granted."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: "OAuthServer"
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
