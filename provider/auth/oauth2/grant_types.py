"""The grant types: ways for a client to get tokens (RFC 6749 section 4, with PKCE by RFC 7636)."""

import re
from dataclasses import dataclass

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, InvalidScopeError, grants
from authlib.oauth2.rfc7636 import CodeChallenge

from provider.auth.keys import AUTHORIZATION_CODE, REFRESH_TOKEN
from provider.auth.oauth2.issued_tokens import TokenServer
from provider.auth.oauth2.oauth_client import CLIENT_SECRET_METHODS, ClientRefused, OAuthClient
from provider.store.client_tables import OneTimeSecret

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # a SHA-256 in base64url (RFC 7636 section 4.2)


class _Grant:
    """What the grants share: both ways of authenticating, and only the scopes that the client was granted."""

    TOKEN_ENDPOINT_AUTH_METHODS = CLIENT_SECRET_METHODS
    server: TokenServer
    request: OAuth2Request

    def authenticate_token_endpoint_client(self) -> OAuthClient:
        client: OAuthClient
        try:
            client = super().authenticate_token_endpoint_client()  # type: ignore[misc]
        except InvalidClientError:
            raise ClientRefused from None
        self.request.client = client
        return client

    def validate_requested_scope(self) -> None:
        client = self.request.client
        if client is None or client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError


class ClientCredentials(_Grant, grants.ClientCredentialsGrant):  # type: ignore[misc]
    """RFC 6749 section 4.4."""


class AuthorizationCode(_Grant, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """RFC 6749 section 4.1, with PKCE."""

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        """Do nothing: `generate_authorization_code` has stored it."""

    def generate_authorization_code(self) -> str:
        payload = self.request.payload
        return self.server.issued_tokens.one_time_secrets.make(
            AUTHORIZATION_CODE,
            client=self.request.client.caller.id,
            scope=self.request.scope,
            redirect_uri=payload.redirect_uri,
            code_challenge=payload.data["code_challenge"],
        )

    def query_authorization_code(self, code: str, client: OAuthClient) -> "_AuthlibSecret | None":
        secret = self.server.issued_tokens.find_unused(code, AUTHORIZATION_CODE, client)
        return _AuthlibSecret(secret) if secret else None

    def authenticate_user(self, authorization_code: "_AuthlibSecret") -> OneTimeSecret:
        return self.server.issued_tokens.use(authorization_code.secret)

    def delete_authorization_code(self, authorization_code: "_AuthlibSecret") -> None:
        """Do nothing: a used code is kept until it expires, so that a second use is noticed."""


class RefreshToken(_Grant, grants.RefreshTokenGrant):  # type: ignore[misc]
    """RFC 6749 section 6, with rotation."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> "_AuthlibSecret | None":
        secret = self.server.issued_tokens.find_unused(refresh_token, REFRESH_TOKEN, self.request.client)
        return _AuthlibSecret(secret) if secret else None

    def authenticate_user(self, credential: "_AuthlibSecret") -> OneTimeSecret:
        return self.server.issued_tokens.use(credential.secret)

    def revoke_old_credential(self, credential: "_AuthlibSecret") -> None:
        """Do nothing: `authenticate_user` has used it up."""


@dataclass
class _AuthlibSecret:
    """An authorization code or a refresh token in the form that Authlib needs."""

    secret: OneTimeSecret

    @property
    def code_challenge(self) -> str | None:
        return self.secret.code_challenge

    @property
    def code_challenge_method(self) -> str:
        return "S256"

    def get_redirect_uri(self) -> str | None:
        return self.secret.redirect_uri

    def get_scope(self) -> str:
        return self.secret.scope

    def check_client(self, client: OAuthClient) -> bool:
        return client.caller.id == self.secret.client_pk


class S256(CodeChallenge):  # type: ignore[misc]
    """PKCE for every client, with S256 only. Authlib alone would allow a client no PKCE, or `plain`."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012

    def validate_code_challenge(self, grant: AuthorizationCode, redirect_uri: str) -> None:
        """Refuse a request without a challenge made by S256; invalid_request."""
        sent = grant.request.payload.data
        challenged = _S256_CHALLENGE.fullmatch(sent.get("code_challenge", ""))
        if not challenged or sent.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: send code_challenge, and code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)
