"""A client in the form that Authlib needs, and the error of one that failed to authenticate."""

from collections.abc import Sequence

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin

from provider.auth.access import WEBHOOK, Caller, scope_of
from provider.auth.challenges import CLIENT_CHALLENGE
from provider.errors import TooManyRequests, Unauthorized

METHOD = "oauth"
CLIENT_SECRET_METHODS = ["client_secret_basic", "client_secret_post"]
_UNAUTHORIZED = 401


class OAuthClient(ClientMixin):  # type: ignore[misc]
    """A caller in the form that Authlib needs. `datasets` are the names of all datasets."""

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
        """Return the scopes to grant: those asked for, or all of the client's; None when one is not granted to it."""
        asked = (scope or "").split() or self.scopes
        return " ".join(dict.fromkeys(asked)) if asked and set(asked) <= set(self.scopes) else None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in CLIENT_SECRET_METHODS

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """Allow a grant type; the two that need a browser only where a redirect address is registered."""
        if METHOD not in self.caller.methods:
            return False
        return grant_type == "client_credentials" or bool(self.caller.redirect_uris)


class ClientRefused(OAuth2Error):  # type: ignore[misc]
    """The error of a client that failed to authenticate (RFC 6749 section 5.2); 429 when it failed too often."""

    error = "invalid_client"

    def __init__(self, refusal: Unauthorized | TooManyRequests | None = None) -> None:
        super().__init__(description="Client authentication failed.")
        self.status_code = refusal.status if refusal else _UNAUTHORIZED
        self._headers = list(refusal.headers if refusal else CLIENT_CHALLENGE)

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = super().get_headers()
        return headers + self._headers
