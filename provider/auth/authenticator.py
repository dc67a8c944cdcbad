"""The decision who is calling, from the request's headers alone."""

import hmac
import time
from typing import Protocol

from provider.auth.api_key import ApiKeys, Caller
from provider.errors import Unauthorized
from provider.settings import Settings


class Headers(Protocol):
    """The headers of a request; names are looked up without regard to case."""

    def get(self, name: str) -> str | None:
        """Give a header's value, None when it was not sent."""


class Authenticator:
    """Authenticates calls by API key and by the deployment's fixed headers."""

    def __init__(self, keys: ApiKeys, settings: Settings) -> None:
        self._keys = keys
        self._header = settings.api_key_header
        self._required = {name: value.encode() for name, value in settings.required_headers.items()}
        # RFC 9110 section 11.6.1 wants a challenge beside every 401; no registered scheme describes a key in a header.
        self._challenge = {"WWW-Authenticate": f'ApiKey realm="data", header="{self._header}"'}

    def authenticate(self, headers: Headers) -> Caller:
        """Return the client that calls; Unauthorized when the credentials do not hold."""
        sent = headers.get(self._header)
        if not sent:
            raise self._refused(f"Send your API key in the header {self._header}.")
        known = self._keys.find(sent)
        if known is None:
            raise self._refused("The API key is not valid.")
        now = time.time()
        if refusal := known.refusal(now):
            raise self._refused(refusal)
        for name, value in self._required.items():
            # Header text is Latin-1 in WSGI (PEP 3333); the setting is UTF-8.
            if not hmac.compare_digest((headers.get(name) or "").encode("latin-1", "replace"), value):
                raise self._refused(f"The header {name} is missing, or has another value than agreed.")
        self._keys.note_use(known, now)
        return known.caller

    def recognise(self, headers: Headers) -> Caller | None:
        """Tell whose key was sent, even one that has ended: an error is answered in its owner's own envelope."""
        sent = headers.get(self._header)
        known = self._keys.find(sent) if sent else None
        return known.caller if known else None

    def _refused(self, message: str) -> Unauthorized:
        return Unauthorized(message, headers=self._challenge)
