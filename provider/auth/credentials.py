"""API keys and client secrets: from the text that was sent to the client that owns it."""

import hashlib
import hmac
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from provider.auth.callers import CACHE_SECONDS, CACHE_SIZE, Caller, Callers, reaching_database
from provider.auth.keys import Key, Pepper, parse_key
from provider.store.client_tables import Credential

_MINUTE = 60

log = structlog.get_logger()


@dataclass(slots=True)
class Known:
    """What is known of a credential: its owner, and until when it holds (seconds since the epoch)."""

    id: str
    owner: int
    digest: str
    ends: float
    revoked: bool
    read_at: float
    used_minute: int
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class Proof:
    """A credential that is genuine. `refusal` says why it does not hold any more, None while it does."""

    credential: Known
    caller: Caller

    def refusal(self, now: float) -> str | None:
        """Say why the credential does not hold any more, None while it does."""
        if self.credential.revoked or self.caller.revoked:
            return "The key has been revoked."
        if self.credential.ends <= now:
            return "The key has expired."
        return None


_FIND = select(Credential.client_pk, Credential.digest, Credential.expires_at, Credential.revoked_at).where(
    Credential.id == bindparam("key_id"), Credential.kind == bindparam("kind")
)


class Credentials:
    """Checks credentials against the provider database, without asking it on every call."""

    def __init__(self, engine: Engine, pepper: Pepper, callers: Callers) -> None:
        self._engine = engine
        self._pepper = pepper
        self._callers = callers
        self._known: dict[str, Known] = {}
        self._writer = ThreadPoolExecutor(1, "last-used")

    def prove(self, text: str, kind: str) -> Proof | None:
        """Find the owner of a credential; None for anything that is not one of ours. SourceUnavailable.

        A credential that has ended is found as well: ask its `refusal`.
        """
        key = parse_key(text, kind)
        known = self._recall(key) if key else None
        if known is None or not self._matches(text, known):
            return None
        caller = self._callers.by_id(known.owner)
        return Proof(known, caller) if caller else None

    def note_use(self, proof: Proof, now: float) -> None:
        """Keep when a credential was last used, to the minute, without making the call wait for it."""
        minute = int(now // _MINUTE)
        if proof.credential.used_minute != minute:
            proof.credential.used_minute = minute
            self._writer.submit(self._write_use, proof.credential.id, datetime.fromtimestamp(minute * _MINUTE, UTC))

    def _matches(self, text: str, known: Known) -> bool:
        """Compare in constant time: by the keyed hash at first, then by a plain one that never leaves memory.

        OpenSSL takes five times as long for the keyed one.
        """
        fingerprint = hashlib.sha256(text.encode()).digest()
        if known.fingerprint:
            return hmac.compare_digest(fingerprint, known.fingerprint)
        if not self._pepper.matches(text, known.digest):
            return False
        known.fingerprint = fingerprint
        return True

    def _recall(self, key: Key) -> Known | None:
        now = time.monotonic()
        known = self._known.get(key.id)
        if known and now - known.read_at < CACHE_SECONDS:
            return known
        if not key.intact:
            return None
        with reaching_database(), self._engine.connect() as connection:
            row = connection.execute(_FIND, {"key_id": key.id, "kind": key.kind}).first()
        if row is None:
            self._known.pop(key.id, None)
            return None
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        known = self._known[key.id] = Known(
            id=key.id,
            owner=row.client_pk,
            digest=row.digest,
            ends=row.expires_at.timestamp() if row.expires_at else math.inf,
            revoked=row.revoked_at is not None,
            read_at=now,
            used_minute=known.used_minute if known else 0,
        )
        return known

    def _write_use(self, key_id: str, when: datetime) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(update(Credential).where(Credential.id == key_id).values(last_used_at=when))
        except SQLAlchemyError as error:
            log.warning("last use not kept", key_id=key_id, error=type(error).__name__)
