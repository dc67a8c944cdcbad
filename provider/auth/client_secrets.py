"""A client proving itself by its id and its secret, at the token endpoints."""

import base64
import binascii
import time
from urllib.parse import unquote_plus

from provider.auth.callers import Caller
from provider.auth.credentials import Credentials, Proof
from provider.auth.failed_logins import Guesses
from provider.auth.keys import API_KEY, CLIENT_SECRET
from provider.errors import Unauthorized

CHALLENGE = (("WWW-Authenticate", 'Basic realm="token", charset="UTF-8"'),)


class ClientSecrets:
    """Authenticates clients that ask for a token."""

    def __init__(self, credentials: Credentials, guesses: Guesses) -> None:
        self._credentials = credentials
        self._guesses = guesses

    def authenticate(self, client_id: str, secret: str, address: str | None, *, kinds: tuple[str, ...]) -> Caller:
        """Return the client whose id and secret these are; Unauthorized, TooManyRequests, Forbidden.

        An unknown id, a wrong secret, one that has ended and one of another client are all the same to the caller.
        """
        proof = next((found for kind in kinds if (found := self._credentials.prove(secret, kind))), None)
        if proof is None or proof.caller.client_id != client_id or proof.refusal(time.time()):
            raise self._guesses.answer(
                Unauthorized("The client id or secret is not valid.", headers=CHALLENGE),
                address,
                client=client_id,
            )
        return self._accept(proof, address)

    def by_api_key(self, key: str, address: str | None) -> Caller:
        """Return the client an API key belongs to."""
        proof = self._credentials.prove(key, API_KEY)
        if proof is None or proof.refusal(time.time()):
            raise self._guesses.answer(Unauthorized("The API key is not valid.", headers=CHALLENGE), address)
        return self._accept(proof, address)

    def owner(self, secret: str) -> Caller | None:
        """Tell whose a genuine secret is, even one that has ended."""
        for kind in (CLIENT_SECRET, API_KEY):
            if proof := self._credentials.prove(secret, kind):
                return proof.caller
        return None

    def _accept(self, proof: Proof, address: str | None) -> Caller:
        proof.caller.check_network(address)
        self._credentials.note_use(proof, time.time())
        return proof.caller


def decode_basic(header: str) -> tuple[str, str] | None:
    """Read HTTP Basic credentials as RFC 6749 section 2.3.1 writes them; None when they are garbled."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        decoded = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return decoded if colon else None
