"""The endpoints where a token is revoked (RFC 7009) or described (introspection, RFC 7662)."""

from typing import Any

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from provider.auth.oauth2.issued_tokens import IssuedToken, TokenServer
from provider.auth.oauth2.oauth_client import CLIENT_SECRET_METHODS, ClientRefused, OAuthClient


class _TokenEndpoint:
    """What revocation and introspection have in common."""

    CLIENT_AUTH_METHODS = CLIENT_SECRET_METHODS
    server: TokenServer

    def authenticate_endpoint_client(self, oauth_request: OAuth2Request) -> OAuthClient:
        try:
            client: OAuthClient = super().authenticate_endpoint_client(oauth_request)  # type: ignore[misc]
        except InvalidClientError:
            raise ClientRefused from None
        return client

    def check_params(self, oauth_request: OAuth2Request, client: OAuthClient) -> None:
        """Demand a token. A type hint is not needed to find it: the form of a token says what it is."""
        if not oauth_request.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token: str, hint: str | None) -> IssuedToken | None:
        return self.server.issued_tokens.find(token)


class TokenRevocation(_TokenEndpoint, RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009."""

    def revoke_token(self, token: IssuedToken, oauth_request: OAuth2Request) -> None:
        self.server.issued_tokens.revoke(token)


class TokenIntrospection(_TokenEndpoint, IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662. A client may look at its own tokens."""

    def check_permission(self, token: IssuedToken, client: OAuthClient, oauth_request: OAuth2Request) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return token.details
