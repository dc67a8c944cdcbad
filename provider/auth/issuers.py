"""Access tokens of an outside issuer: JWTs by RFC 9068, verified through the issuer's published keys."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from provider.auth.addresses import is_trustworthy
from provider.errors import ConfigurationError

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Signatures by a key pair only: with `none` or a shared secret anybody could sign (RFC 8725 section 3.1)."""

LONGEST_TOKEN = 8192
CLOCK_SKEW = 60
"""Seconds the issuer's clock may differ from ours."""

REFRESH_PAUSE = 5.0
"""Seconds between two fetches, at least: tokens with invented key ids must not make us flood the issuer."""

KEYS_LIFETIME = 600.0
_FETCH_SECONDS = 3.0
_LARGEST_DOCUMENT = 256 * 1024
_TYPES = ("at+jwt", "application/at+jwt")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OutsideToken:
    """What a genuine token says: its client, its scopes, and whether it is valid at this moment."""

    client: str
    scope: str
    valid_now: bool


class Issuers:
    """The issuers of the settings, by their identifiers."""

    def __init__(self, audiences: Mapping[str, str]) -> None:
        for issuer in audiences:
            if not is_trustworthy(issuer):
                raise ConfigurationError(
                    f"PROVIDER_OAUTH_ISSUERS names {issuer!r}. Write https://issuer=audience; "
                    "plain http is for this machine only."
                )
        self._issuers = {issuer: _Issuer(issuer, audience) for issuer, audience in audiences.items()}

    def verify(self, text: str) -> OutsideToken | None:
        """Verify a token; None when no issuer of the settings made it for us."""
        if len(text) > LONGEST_TOKEN or text.count(".") != 2:  # noqa: PLR2004 -- a JWT has three parts
            return None
        try:
            header, claims = (orjson.loads(urlsafe_b64decode(part.encode())) for part in text.split(".")[:2])
            issuer = self._issuers.get(claims["iss"])
        except (ValueError, TypeError, KeyError):
            return None
        return issuer.verify(text, header) if issuer and isinstance(header, dict) else None


@dataclass
class _Issuer:
    """One issuer and the keys it has published. The keys stay when the issuer does not answer."""

    name: str
    audience: str
    keys: dict[str | None, Any] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    lock: Lock = field(default_factory=Lock)

    def verify(self, text: str, header: Mapping[str, Any]) -> OutsideToken | None:
        kid = header.get("kid")
        # We understand no critical extension (RFC 7515 section 4.1.11).
        if str(header.get("typ", "")).lower() not in _TYPES or not isinstance(kid, str | None) or "crit" in header:
            return None
        key = self._key(kid)
        if key is None:
            return None
        try:
            claims = jwt.decode(text, key, registry=_REGISTRY).claims
        except (JoseError, ValueError, TypeError):
            return None
        return self._accepted(claims)

    def _accepted(self, claims: Mapping[str, Any]) -> OutsideToken | None:
        """Check the claims that RFC 9068 section 2.2 demands; None when one is missing or wrong."""
        now = time.time()
        audience, scope = claims.get("aud"), claims.get("scope", "")
        times = [claims.get("exp"), claims.get("iat"), claims.get("nbf", claims.get("iat"))]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in times):
            return None
        expires, issued, not_before = times
        valid_now = expires > now - CLOCK_SKEW and max(issued, not_before) <= now + CLOCK_SKEW
        for_us = claims.get("iss") == self.name and self.audience in (
            audience if isinstance(audience, list) else [audience]
        )
        texts = [claims.get("sub"), claims.get("client_id"), scope]
        complete = all(isinstance(text, str) and text.isprintable() for text in texts)
        return OutsideToken(claims["client_id"], scope, valid_now) if for_us and complete else None

    def _key(self, kid: str | None) -> Any:
        """Find a key. The issuer's keys are fetched when this one is unknown or all are old."""
        old = time.monotonic() - self.fetched_at > KEYS_LIFETIME
        # One thread fetches. The others use the keys there are, and wait only when there are none yet.
        if (old or self._known(kid) is None) and self.lock.acquire(timeout=0 if self.keys else _FETCH_SECONDS):
            try:
                if time.monotonic() - self.tried_at > REFRESH_PAUSE:
                    self._fetch()
            finally:
                self.lock.release()
        return self._known(kid)

    def _known(self, kid: str | None) -> Any:
        """Find a key among the known ones; None for `kid` means the only key there is."""
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid)

    def _fetch(self) -> None:
        self.tried_at = time.monotonic()
        try:
            with httpx2.Client(timeout=_FETCH_SECONDS, follow_redirects=False) as http:
                keys = _key_pairs(_read(http, self._keys_address(http)))
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            log.warning("issuer's keys not fetched", issuer=self.name, error=type(error).__name__)
            return
        self.keys = keys
        self.fetched_at = time.monotonic()

    def _keys_address(self, http: httpx2.Client) -> str:
        """Read the address of the keys from the issuer's metadata (RFC 8414, or OpenID Connect Discovery)."""
        parts = urlsplit(self.name)
        root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        try:
            metadata = _read(http, f"{root}/.well-known/oauth-authorization-server{path}")
        except (httpx2.HTTPStatusError, ValueError, TypeError):
            metadata = _read(http, f"{root}{path}/.well-known/openid-configuration")
        if metadata["issuer"] != self.name:
            raise ValueError("the metadata is another issuer's")  # RFC 8414 section 3.3
        address = metadata["jwks_uri"]
        if not isinstance(address, str) or not is_trustworthy(address):
            raise ValueError("jwks_uri is not https")
        return address


class _Registry(JWSRegistry):
    """The algorithms that are allowed. Other header members are ignored, as RFC 7515 section 4 wants."""

    max_header_length = LONGEST_TOKEN

    def get_alg(self, name: str) -> Any:
        """Find an algorithm. EdDSA is how most issuers still write Ed25519 (RFC 9864)."""
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


def _key_pairs(document: Mapping[str, Any]) -> dict[str | None, Any]:
    """Read the public keys of a JWK Set. Others, and keys of an unknown kind, are skipped (RFC 7517 section 5)."""
    keys: dict[str | None, Any] = {}
    for published in document["keys"]:
        try:
            key = JWKRegistry.import_key(published)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            keys[key.kid] = key
    if not keys:
        raise ValueError("no public key")
    return keys


def _read(http: httpx2.Client, address: str) -> dict[str, Any]:
    """Fetch a JSON object; ValueError when it is too large or too slow as a whole, TypeError when it is not one."""
    deadline, body = time.monotonic() + _FETCH_SECONDS, b""
    with http.stream("GET", address) as answer:
        answer.raise_for_status()
        if answer.status_code != HTTPStatus.OK:
            raise ValueError("not an answer with a document")
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > _LARGEST_DOCUMENT or time.monotonic() > deadline:
                raise ValueError("too large, or too slow")
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise TypeError("not a JSON object")
    return document
