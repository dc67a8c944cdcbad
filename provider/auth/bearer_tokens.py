"""Authenticates a call by its bearer token (RFC 6750)."""

from provider.auth.access import Access, Caller
from provider.auth.access_tokens import AccessToken, AccessTokens
from provider.auth.callers import Callers
from provider.auth.challenges import bearer_challenge, data_challenges
from provider.auth.failed_logins import FailedLogins
from provider.auth.issuers import Issuers, OutsideToken
from provider.errors import InvalidRequest, Unauthorized
from provider.settings import Settings


class BearerTokens:
    """Checks access tokens: our own, and those of the outside issuers in the settings."""

    def __init__(
        self,
        settings: Settings,
        *,
        tokens: AccessTokens,
        issuers: Issuers,
        callers: Callers,
        failed_logins: FailedLogins,
    ) -> None:
        self._tokens = tokens
        self._issuers = issuers
        self._callers = callers
        self._failed_logins = failed_logins
        self._challenges = data_challenges(settings)

    def authenticate(self, text: str, address: str | None) -> Access:
        """Return what a call with this token may do.

        Raises InvalidRequest, Unauthorized, TooManyRequests, SourceUnavailable.
        """
        if not text:
            raise InvalidRequest("The Authorization header has no token.", headers=bearer_challenge("invalid_request"))
        if own := self._tokens.read(text):
            return self._accept_own(own)
        if outside := self._issuers.verify(text):
            return self._accept_outside(outside)
        raise self._failed_logins.refuse(_invalid("The token is not valid."), address)

    def owner(self, text: str) -> Caller | None:
        """Find the client of one of our own tokens, even an expired or revoked one."""
        token = self._tokens.read(text)
        return self._callers.by_id(token.owner) if token else None

    def _accept_own(self, token: AccessToken) -> Access:
        caller = self._callers.by_id(token.owner)
        if caller is None or caller.revoked or not self._tokens.is_live(token):
            raise _invalid("The token has expired or was revoked.")
        return self._access(caller, token.method, token.scope)

    def _accept_outside(self, token: OutsideToken) -> Access:
        caller = self._callers.by_name(token.client)
        if caller is None or caller.revoked or not token.valid_now:
            raise _invalid("The token has expired, or its client is not known here.")
        return self._access(caller, "oauth", token.scope)

    def _access(self, caller: Caller, method: str, scope: str | None) -> Access:
        if method not in caller.methods:
            raise Unauthorized(f"This client may not use {method}.", headers=self._challenges)
        return Access(caller, None if scope is None else frozenset(scope.split()))


def _invalid(message: str) -> Unauthorized:
    return Unauthorized(message, headers=bearer_challenge("invalid_token"))
