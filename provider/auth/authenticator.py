"""The decision who is calling, from the request's headers alone."""

import hmac
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from provider.auth.access_tokens import AccessTokens
from provider.auth.callers import Caller, Callers, Visible
from provider.auth.credentials import Credentials
from provider.auth.failed_logins import Guesses
from provider.auth.issuers import Issuers
from provider.auth.keys import API_KEY, PREFIXES
from provider.errors import ConfigurationError, Forbidden, InvalidRequest, ProviderError, Unauthorized
from provider.settings import Settings

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

REALM = "data"
SCOPE = "data:"
"""A scope is this and a dataset's name: `data:voucher`."""
WEBHOOK = "webhook:"
"""A grant, and a scope, is this and a webhook's name: `webhook:voucher-issued`."""


def scope_of(right: str) -> str:
    """Write something a client was granted, a dataset or a webhook, as a scope."""
    return right if right.startswith(WEBHOOK) else SCOPE + right


class Headers(Protocol):
    """The headers of a request; names are looked up without regard to case."""

    def get(self, name: str) -> str | None:
        """Give a header's value, None when it was not sent."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a call may do: its client, and the scopes of its token, None when it is not limited by any."""

    caller: Caller
    scopes: frozenset[str] | None = None

    def visible(self, dataset: str) -> Visible:
        """Say which fields of a dataset may be seen; Forbidden when it may not be read at all."""
        if self.scopes is not None and SCOPE + dataset not in self.scopes:
            raise _insufficient_scope(dataset)
        try:
            return self.caller.visible(dataset)
        except Forbidden:
            if self.scopes is None:
                raise
            raise _insufficient_scope(dataset) from None

    def check_webhook(self, name: str) -> None:
        """Refuse a webhook; Forbidden. Whoever is limited in what to read may only call webhooks that are named."""
        right = WEBHOOK + name
        if self.scopes is not None and right not in self.scopes:
            raise Forbidden(
                f"This token may not call the webhook {name}.", headers=_bearer("insufficient_scope", scope=right)
            )
        if self.caller.grants is not None and right not in self.caller.grants:
            raise Forbidden(f"This client may not call the webhook {name}.")


class Authenticator:
    """Authenticates calls by API key or bearer token, and by the deployment's fixed headers."""

    def __init__(
        self,
        settings: Settings,
        *,
        credentials: Credentials,
        tokens: AccessTokens,
        callers: Callers,
        issuers: Issuers,
        guesses: Guesses,
    ) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._callers = callers
        self._issuers = issuers
        self._guesses = guesses
        _check_names(settings)
        self._key_header = settings.api_key_header.lower()
        self._token_header = settings.token_header.lower()
        self._headers = [*dict.fromkeys(filter(None, ("authorization", self._token_header, self._key_header)))]
        self._required = {name: value.encode() for name, value in settings.required_headers.items()}
        # RFC 9110 section 11.6.1 wants a challenge beside every 401; no registered scheme describes a key in a header.
        key = ("WWW-Authenticate", f'ApiKey realm="{REALM}", header="{settings.api_key_header}"')
        bearer = ("WWW-Authenticate", f'Bearer realm="{REALM}"')
        methods = settings.auth_methods
        self._hint = (
            f"Send your API key in the header {settings.api_key_header}."
            if "api_key" in methods
            else "Send a bearer token in the header Authorization."
        )
        self._challenges = ((key,) if "api_key" in methods else ()) + ((bearer,) if set(methods) - {"api_key"} else ())

    def authenticate(self, headers: Headers, address: str | None = None) -> Access:
        """Return what the call may do; Unauthorized, Forbidden, InvalidRequest, TooManyRequests, SourceUnavailable.

        `address` is the caller's, for clients limited to networks and for slowing down guessers.
        """
        presented = list(self._presented(headers))
        if not presented:
            raise Unauthorized(self._hint, headers=self._challenges)
        if len(presented) > 1:
            raise InvalidRequest(
                "Send one kind of credentials: an API key or one bearer token.", headers=_bearer("invalid_request")
            )
        kind, text = presented[0]
        access = self._by_key(text, address) if kind == "api_key" else self._by_token(text, address)
        access.caller.check_network(address)
        self._check_required(headers)
        return access

    def recognise(self, headers: Headers) -> Caller | None:
        """Tell whose credentials were sent, even ended ones: an error is answered in its owner's own envelope."""
        for kind, text in self._presented(headers):
            if kind == "api_key" and (proof := self._credentials.prove(text, API_KEY)):
                return proof.caller
            if kind == "bearer" and (token := self._tokens.read(text)):
                return self._callers.by_id(token.owner)
        return None

    def _presented(self, headers: Headers) -> Iterator[tuple[str, str]]:
        """List the credentials of a request; any of its headers may carry a bearer token."""
        for name in self._headers:
            sent = headers.get(name)
            if not sent or not (sent := sent.strip()):
                continue
            scheme, _, rest = sent.partition(" ")
            if scheme.lower() == "bearer":
                yield "bearer", rest.strip()
            elif name == self._key_header and (name != self._token_header or _looks_like_key(sent)):
                yield "api_key", sent
            elif name == self._token_header:
                yield "bearer", sent

    def _by_key(self, text: str, address: str | None) -> Access:
        proof = self._credentials.prove(text, API_KEY)
        if proof is None:
            raise self._failed("The API key is not valid.", address, text, self._challenges)
        now = time.time()
        if refusal := proof.refusal(now):
            raise Unauthorized(refusal, headers=self._challenges)
        self._check_method(proof.caller, "api_key")
        self._credentials.note_use(proof, now)
        return Access(proof.caller)

    def _by_token(self, text: str, address: str | None) -> Access:
        if not text:
            raise InvalidRequest("The Authorization header has no token.", headers=_bearer("invalid_request"))
        token = self._tokens.read(text)
        if token is not None:
            caller = self._callers.by_id(token.owner)
            if caller is None or caller.revoked or not self._tokens.is_live(token):
                raise Unauthorized("The token has expired or was revoked.", headers=_bearer("invalid_token"))
            method, scope = token.method, token.scope
        else:
            outside = self._issuers.verify(text)
            if outside is None:
                raise self._failed("The token is not valid.", address, None, _bearer("invalid_token"))
            caller = self._callers.by_name(outside.client)
            if caller is None or caller.revoked or not outside.holds:
                raise Unauthorized(
                    "The token has expired, or its client is not known here.", headers=_bearer("invalid_token")
                )
            method, scope = "oauth", outside.scope
        self._check_method(caller, method)
        return Access(caller, None if scope is None else frozenset(scope.split()))

    def _check_method(self, caller: Caller, method: str) -> None:
        if method not in caller.methods:
            raise Unauthorized(f"This client may not use {method}.", headers=self._challenges)

    def _check_required(self, headers: Headers) -> None:
        for name, value in self._required.items():
            # Header text is Latin-1 in WSGI (PEP 3333); the setting is UTF-8.
            if not hmac.compare_digest((headers.get(name) or "").encode("latin-1", "replace"), value):
                raise Unauthorized(
                    f"The header {name} is missing, or has another value than agreed.", headers=self._challenges
                )

    def _failed(
        self, message: str, address: str | None, text: str | None, headers: tuple[tuple[str, str], ...]
    ) -> ProviderError:
        """Answer credentials nobody owns, as slowly as their sender deserves."""
        key_id = text.split("_")[1] if text and _looks_like_key(text) else ""
        return self._guesses.answer(Unauthorized(message, headers=headers), address, key=key_id)


def _check_names(settings: Settings) -> None:
    """Refuse names that no header can have (RFC 9110 section 5.6.2)."""
    names = {
        "API_KEY_HEADER": [settings.api_key_header],
        "TOKEN_HEADER": [settings.token_header] if settings.token_header else [],
        "REQUIRED_HEADERS": settings.required_headers,
    }
    for setting, headers in names.items():
        for header in headers:
            if not _HEADER_NAME.fullmatch(header):
                raise ConfigurationError(
                    f"PROVIDER_{setting} names the header {header!r}, which no header can be called. "
                    "Use letters, digits and hyphens, like token-key."
                )


def _looks_like_key(text: str) -> bool:
    return text.startswith(PREFIXES[API_KEY] + "_")


def _bearer(error: str, **more: str) -> tuple[tuple[str, str], ...]:
    """Write the challenge of RFC 6750 section 3."""
    details = "".join(f', {name}="{value}"' for name, value in {"error": error, **more}.items())
    return (("WWW-Authenticate", f'Bearer realm="{REALM}"{details}'),)


def _insufficient_scope(dataset: str) -> Forbidden:
    return Forbidden(
        f"This token may not read the dataset {dataset}.",
        headers=_bearer("insufficient_scope", scope=SCOPE + dataset),
    )
