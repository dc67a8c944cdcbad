"""Authenticates a client by its id and secret, or by an API key, at the token endpoints."""

import base64
import binascii
import time
from urllib.parse import unquote_plus

from provider.auth.access import Caller
from provider.auth.addresses import is_within
from provider.auth.challenges import CLIENT_CHALLENGE
from provider.auth.credentials import KnownCredential, StoredCredentials
from provider.auth.failed_logins import FailedLogins
from provider.auth.keys import API_KEY, CLIENT_SECRET
from provider.errors import Forbidden, Unauthorized


class ClientSecrets:
    """Authenticates clients that ask for a token."""

    def __init__(self, credentials: StoredCredentials, failed_logins: FailedLogins) -> None:
        self._credentials = credentials
        self._failed_logins = failed_logins

    def authenticate(self, client_id: str, secret: str, address: str | None, *, kinds: tuple[str, ...]) -> Caller:
        """Return the client whose id and secret these are; Unauthorized, TooManyRequests, Forbidden, SourceUnavailable.

        The error is the same for an unknown id, a wrong secret, an expired one and one of another client.
        """
        credential = self._credentials.find(secret, *kinds)
        if credential is None or credential.caller.client_id != client_id or credential.refusal(time.time()):
            error = Unauthorized("The client id or secret is not valid.", headers=CLIENT_CHALLENGE)
            raise self._failed_logins.refuse(error, address, client=client_id)
        return self._accept(credential, address)

    def authenticate_by_api_key(self, key: str, address: str | None) -> Caller:
        """Return the client of an API key; raises the same errors."""
        credential = self._credentials.find(key, API_KEY)
        if credential is None or credential.refusal(time.time()):
            error = Unauthorized("The API key is not valid.", headers=CLIENT_CHALLENGE)
            raise self._failed_logins.refuse(error, address)
        return self._accept(credential, address)

    def owner(self, secret: str) -> Caller | None:
        """Find the client of a secret or an API key, even an expired or revoked one; SourceUnavailable."""
        credential = self._credentials.find(secret, CLIENT_SECRET, API_KEY)
        return credential.caller if credential else None

    def _accept(self, credential: KnownCredential, address: str | None) -> Caller:
        caller = credential.caller
        if caller.networks and not is_within(address, caller.networks):
            raise Forbidden("This client may not call from this address.")
        self._credentials.note_use(credential.id)
        return caller


def decode_basic(header: str) -> tuple[str, str] | None:
    """Read the id and the secret of an HTTP Basic header (RFC 6749 section 2.3.1); None when it is malformed."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        decoded = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return decoded if colon else None
