"""Issues, finds, uses and revokes the tokens of the authorization server."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, TokenMixin

from provider.auth.access_tokens import AccessTokens
from provider.auth.callers import Callers
from provider.auth.keys import REFRESH_TOKEN
from provider.auth.oauth2.oauth_client import METHOD, OAuthClient
from provider.auth.one_time_secrets import LIFETIMES, OneTimeSecrets
from provider.store.client_tables import OneTimeSecret


@dataclass
class IssuedToken(TokenMixin):  # type: ignore[misc]
    """An access or a refresh token in the form that Authlib needs, for revocation and introspection.

    To revoke it, `revoked_id` is revoked until `revoked_until`.
    """

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


class IssuedTokens:
    """Issues, finds and revokes tokens; SourceUnavailable when the provider database does not answer."""

    def __init__(self, access_tokens: AccessTokens, one_time_secrets: OneTimeSecrets, callers: Callers) -> None:
        self.one_time_secrets = one_time_secrets
        self._access_tokens = access_tokens
        self._callers = callers

    def issue(self, client: OAuthClient, scope: str, *, used: OneTimeSecret | None, refresh: bool) -> dict[str, Any]:
        """Issue tokens, as the body of a response. `used` is the code or refresh token, None for client_credentials."""
        owner = client.caller.id
        text, _ = self._access_tokens.issue(owner, METHOD, scope=scope, family=used.family if used else None)
        issued = {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": self._access_tokens.lifetime,
            "scope": scope,
        }
        if used and refresh:
            # RFC 6749 section 6: a new refresh token has the scope of the last one, even when less was asked for.
            issued["refresh_token"] = self.one_time_secrets.make(
                REFRESH_TOKEN, client=owner, scope=used.scope, family=used.family
            )
        return issued

    def find(self, text: str) -> IssuedToken | None:
        """Find an access or a refresh token of ours."""
        if token := self._access_tokens.read(text):
            ends = datetime.fromtimestamp(token.expires, UTC)
            details = self._details(token.owner, token.scope, ends) | {"token_type": "Bearer", "iat": token.issued}
            return IssuedToken(token.owner, self._access_tokens.is_live(token), details, token.id, ends)
        if secret := self.one_time_secrets.find(text, REFRESH_TOKEN):
            live = secret.used_at is None and not self._access_tokens.is_revoked(family=secret.family)
            details = self._details(secret.client_pk, secret.scope, secret.expires_at)
            return IssuedToken(secret.client_pk, live, details, secret.family, _family_end())
        return None

    def find_unused(self, text: str, kind: str, client: OAuthClient) -> OneTimeSecret | None:
        """Find a client's code or refresh token, None when it is not valid.

        One that is used a second time was stolen: all tokens of its consent are revoked (RFC 9700 section 4.14).
        """
        if not text:
            raise InvalidRequestError(f"Missing {kind} in request.")
        secret = self.one_time_secrets.find(text, kind)
        if secret is None or secret.client_pk != client.caller.id:
            return None
        if secret.used_at is not None:
            self._revoke_family(secret)
            return None
        return None if self._access_tokens.is_revoked(family=secret.family) else secret

    def use(self, secret: OneTimeSecret) -> OneTimeSecret:
        """Mark a code or a refresh token as used, before tokens are issued; invalid_grant when it already was."""
        if not self.one_time_secrets.use(secret):
            self._revoke_family(secret)
            raise InvalidGrantError
        return secret

    def revoke(self, token: IssuedToken) -> None:
        """Revoke an access token; for a refresh token, all tokens of its consent."""
        self._access_tokens.revoke(token.revoked_id, token.revoked_until)

    def _revoke_family(self, secret: OneTimeSecret) -> None:
        self._access_tokens.revoke(secret.family, _family_end())

    def _details(self, owner: int, scope: str | None, ends: datetime) -> dict[str, Any]:
        caller = self._callers.by_id(owner)
        details = {"client_id": caller.client_id if caller else None, "scope": scope, "exp": int(ends.timestamp())}
        return {name: value for name, value in details.items() if value is not None}


class TokenServer(Protocol):
    """What the grants and the token endpoints use of the authorization server."""

    issued_tokens: IssuedTokens


def _family_end() -> datetime:
    """Return the time when every token of a consent that was given until now has expired."""
    return datetime.now(UTC) + LIFETIMES[REFRESH_TOKEN]
