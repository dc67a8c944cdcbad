"""The decision who is calling, from the request's headers alone."""

import hmac
import re
from collections.abc import Iterator
from typing import Protocol

from provider.auth.access import Access, Caller
from provider.auth.addresses import is_within
from provider.auth.bearer_tokens import BearerTokens
from provider.auth.challenges import bearer_challenge, data_challenges
from provider.auth.credentials import StoredCredentials
from provider.auth.keys import API_KEY, has_prefix
from provider.errors import ConfigurationError, Forbidden, InvalidRequest, Unauthorized
from provider.settings import Settings

BEARER = "bearer"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Headers(Protocol):
    """The headers of a request; names are looked up without regard to case."""

    def get(self, name: str) -> str | None:
        """Give a header's value, None when it was not sent."""


class Authenticator:
    """Authenticates calls by an API key or a bearer token, and by the deployment's fixed headers."""

    def __init__(self, settings: Settings, *, credentials: StoredCredentials, bearer_tokens: BearerTokens) -> None:
        _check_names(settings)
        self._credentials = credentials
        self._bearer_tokens = bearer_tokens
        self._key_header = settings.api_key_header.lower()
        self._token_header = settings.token_header.lower()
        self._headers = [*dict.fromkeys(filter(None, ("authorization", self._token_header, self._key_header)))]
        self._required = {name: value.encode() for name, value in settings.required_headers.items()}
        self._challenges = data_challenges(settings)
        self._hint = (
            f"Send your API key in the header {settings.api_key_header}."
            if "api_key" in settings.auth_methods
            else "Send a bearer token in the header Authorization."
        )

    def authenticate(self, headers: Headers, address: str | None = None) -> Access:
        """Return what the call may do; Unauthorized, Forbidden, InvalidRequest, TooManyRequests, SourceUnavailable.

        `address` is the caller's, for clients limited to networks and for counting failed logins.
        """
        sent = list(self._credentials_in(headers))
        if not sent:
            raise Unauthorized(self._hint, headers=self._challenges)
        if len(sent) > 1:
            raise InvalidRequest(
                "Send one kind of credentials: an API key or one bearer token.",
                headers=bearer_challenge("invalid_request"),
            )
        kind, text = sent[0]
        if kind == API_KEY:
            access = self._credentials.authenticate(text, address)
        else:
            access = self._bearer_tokens.authenticate(text, address)
        if access.caller.networks and not is_within(address, access.caller.networks):
            raise Forbidden("This client may not call from this address.")
        self._check_required(headers)
        if access.use_to_note:
            self._credentials.note_use(access.use_to_note)
        return access

    def recognise(self, headers: Headers) -> Caller | None:
        """Find whose credentials were sent, ended ones too: an error is answered in its owner's own envelope."""
        for kind, text in self._credentials_in(headers):
            if kind == BEARER and (owner := self._bearer_tokens.owner(text)):
                return owner
            if kind == API_KEY and (credential := self._credentials.find(text, API_KEY)):
                return credential.caller
        return None

    def _credentials_in(self, headers: Headers) -> Iterator[tuple[str, str]]:
        """List the credentials of a request, each with its kind; any of its headers may carry a bearer token."""
        for name in self._headers:
            sent = headers.get(name)
            if not sent or not (sent := sent.strip()):
                continue
            scheme, _, rest = sent.partition(" ")
            if scheme.lower() == "bearer":
                yield BEARER, rest.strip()
            elif name == self._key_header and (name != self._token_header or has_prefix(sent, API_KEY)):
                yield API_KEY, sent
            elif name == self._token_header:
                yield BEARER, sent

    def _check_required(self, headers: Headers) -> None:
        for name, value in self._required.items():
            # Header text is Latin-1 in WSGI (PEP 3333); the setting is UTF-8.
            if not hmac.compare_digest((headers.get(name) or "").encode("latin-1", "replace"), value):
                raise Unauthorized(
                    f"The header {name} is missing, or has another value than agreed.", headers=self._challenges
                )


def _check_names(settings: Settings) -> None:
    """Refuse names that no header can have (RFC 9110 section 5.6.2); ConfigurationError."""
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
