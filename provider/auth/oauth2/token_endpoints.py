"""What can be done with a token at an endpoint of its own: revocation (RFC 7009) and introspection (RFC 7662)."""

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

    def authenticate_endpoint_client(self, asked: OAuth2Request) -> OAuthClient:
        try:
            client: OAuthClient = super().authenticate_endpoint_client(asked)  # type: ignore[misc]
        except InvalidClientError:
            raise ClientRefused from None
        return client

    def check_params(self, asked: OAuth2Request, client: OAuthClient) -> None:
        """Demand a token. A type hint is not needed to find it: the form of a token says what it is."""
        if not asked.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token: str, hint: str | None) -> IssuedToken | None:
        return self.server.issued_tokens.find(token)


class TokenRevocation(_TokenEndpoint, RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009."""

    def revoke_token(self, token: IssuedToken, asked: OAuth2Request) -> None:
        self.server.issued_tokens.revoke(token)


class TokenIntrospection(_TokenEndpoint, IntrospectionEndpoint):  # type: ignore[misc]
    """RFC 7662. A client may look at its own tokens."""

    def check_permission(self, token: IssuedToken, client: OAuthClient, asked: OAuth2Request) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return token.details
