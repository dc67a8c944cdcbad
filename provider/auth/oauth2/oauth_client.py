"""A client and a token as Authlib wants to see them, and the refusal of a client that did not prove itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin

from provider.auth.authenticator import WEBHOOK, scope_of
from provider.auth.callers import Caller
from provider.auth.client_secrets import CHALLENGE
from provider.errors import TooManyRequests, Unauthorized

METHOD = "oauth"
AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
_UNAUTHORIZED = 401


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
