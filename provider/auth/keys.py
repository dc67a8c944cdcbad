"""The form of every secret we issue: `<prefix>_<id>_<secret><crc32 in base62>`.

The id is public and finds the row; only a keyed hash of the whole is stored. The checksum finds typing errors before
the database is asked. The secret has 190 random bits, so a fast hash is as good as a slow one.
"""

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

API_KEY = "api_key"
CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of a kind, not a secret
CONSENT_CODE = "consent_code"
AUTHORIZATION_CODE = "code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105
PREFIXES = {API_KEY: "pak", CLIENT_SECRET: "pcs", CONSENT_CODE: "pcc", AUTHORIZATION_CODE: "pac", REFRESH_TOKEN: "prt"}

_KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}
_BASE62 = string.digits + string.ascii_letters
_ID_LENGTH = 12
_SECRET_LENGTH = 32
_CHECKSUM_LENGTH = 6
_FORM = re.compile(
    rf"({'|'.join(PREFIXES.values())})_([0-9A-Za-z]{{{_ID_LENGTH}}})_"
    rf"[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its parts. `text` is the whole key and must never be stored or logged."""

    kind: str
    id: str
    text: str

    @property
    def last_four(self) -> str:
        """The end of the key, for people to tell their keys apart."""
        return self.text[-4:]


class Pepper:
    """Hashes secrets under a key of the server, so that a stolen database alone opens nothing."""

    def __init__(self, secret_key: bytes) -> None:
        self._key = derive_key(secret_key, "hash of issued secrets")

    def digest(self, text: str) -> str:
        """Hash a secret for storage: HMAC-SHA256 in hexadecimal."""
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def matches(self, text: str, digest: str) -> bool:
        """Compare a secret with a stored hash in constant time."""
        return hmac.compare_digest(self.digest(text).encode(), digest.encode())


def derive_key(secret_key: bytes, purpose: str) -> bytes:
    """Derive a key for one purpose; keys of different purposes have nothing in common."""
    return hmac.digest(secret_key, f"provider: {purpose}".encode(), "sha256")


def make_key(kind: str) -> Key:
    """Make a fresh key."""
    key_id = _random(_ID_LENGTH)
    body = f"{PREFIXES[kind]}_{key_id}_{_random(_SECRET_LENGTH)}"
    return Key(kind=kind, id=key_id, text=body + _checksum(body))


def parse_key(text: str, *kinds: str) -> Key | None:
    """Read a key of one of these kinds; None when its form or its checksum is wrong."""
    match = _FORM.fullmatch(text)
    kind = _KINDS[match[1]] if match else None
    if match is None or kind not in kinds or text[-_CHECKSUM_LENGTH:] != _checksum(text[:-_CHECKSUM_LENGTH]):
        return None
    return Key(kind=kind, id=match[2], text=text)


def has_prefix(text: str, kind: str) -> bool:
    """Return whether a text begins like a key of a kind; the rest may be wrong."""
    return text.startswith(PREFIXES[kind] + "_")


def random_id() -> str:
    """Make a public identifier that cannot be guessed: 16 characters of A-Z, a-z, 0-9."""
    return _random(16)


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    while len(digits) < _CHECKSUM_LENGTH:
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
