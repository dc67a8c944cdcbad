"""API keys and client secrets: from the text that was sent to the client that owns it."""

import hashlib
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload

from provider.auth.access import Access, Caller
from provider.auth.callers import CACHE_SECONDS, CACHE_SIZE, Callers
from provider.auth.challenges import data_challenges
from provider.auth.failed_logins import FailedLogins
from provider.auth.keys import API_KEY, CLIENT_SECRET, Pepper, has_prefix, parse_key
from provider.errors import Unauthorized
from provider.settings import Settings
from provider.store.client_tables import Credential
from provider.store.provider_database import reaching_database

_MINUTE = 60

_FIND = (
    select(Credential)
    .options(joinedload(Credential.client))
    .where(Credential.id == bindparam("key_id"), Credential.kind == bindparam("kind"))
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A genuine credential as it was read at `read_at` (monotonic seconds); `ends` is in seconds since the epoch."""

    id: str
    kind: str
    caller: Caller
    revoked: bool
    ends: float
    read_at: float

    def refusal(self, now: float) -> str | None:
        """Say why the credential does not hold any more, None while it does."""
        if self.revoked or self.caller.revoked:
            return "The key has been revoked."
        if self.ends <= now:
            return "The key has expired."
        return None


class StoredCredentials:
    """Checks credentials against the provider database, without asking it on every call."""

    def __init__(
        self, engine: Engine, settings: Settings, *, pepper: Pepper, callers: Callers, failed_logins: FailedLogins
    ) -> None:
        self._engine = engine
        self._pepper = pepper
        self._callers = callers
        self._failed_logins = failed_logins
        self._challenges = data_challenges(settings)
        self._known: dict[bytes, KnownCredential] = {}
        self._used_minutes: dict[str, int] = {}
        self._writer = ThreadPoolExecutor(1, "last-used")

    def authenticate(self, key: str, address: str | None) -> Access:
        """Return what a call with this API key may do; Unauthorized, TooManyRequests, SourceUnavailable."""
        credential = self.find(key, API_KEY)
        if credential is None:
            error = Unauthorized("The API key is not valid.", headers=self._challenges)
            key_id = key.split("_")[1] if has_prefix(key, API_KEY) else ""
            raise self._failed_logins.refuse(error, address, key=key_id)
        if refusal := credential.refusal(time.time()):
            raise Unauthorized(refusal, headers=self._challenges)
        if "api_key" not in credential.caller.methods:
            raise Unauthorized("This client may not use api_key.", headers=self._challenges)
        noted = self._used_minutes.get(credential.id) == _this_minute()
        return Access(credential.caller, use_to_note=None if noted else credential.id)

    def find(self, text: str, *kinds: str) -> KnownCredential | None:
        """Find a genuine credential of these kinds, also one that has ended; None for other text. SourceUnavailable."""
        # By a hash, so that the time a search takes says nothing about a key. A keyed one takes five times as long.
        fingerprint = hashlib.sha256(text.encode()).digest()
        now = time.monotonic()
        known = self._known.get(fingerprint)
        if known is None or now - known.read_at >= CACHE_SECONDS:
            known = self._read(text, now)
            if known is None:
                return None
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[fingerprint] = known
        return known if known.kind in kinds else None

    def note_use(self, key_id: str) -> None:
        """Keep when a credential was last used, to the minute, without making the call wait for it."""
        minute = _this_minute()
        if self._used_minutes.get(key_id) != minute:
            self._used_minutes[key_id] = minute
            self._writer.submit(self._write_use, key_id, datetime.fromtimestamp(minute * _MINUTE, UTC))

    def _read(self, text: str, now: float) -> KnownCredential | None:
        """Read a credential and its client; the text is compared in constant time."""
        key = parse_key(text, API_KEY, CLIENT_SECRET)
        if key is None:
            return None
        with reaching_database(), Session(self._engine) as session:
            row = session.scalar(_FIND, {"key_id": key.id, "kind": key.kind})
        if row is None or not self._pepper.matches(text, row.digest):
            return None
        return KnownCredential(
            id=key.id,
            kind=key.kind,
            caller=self._callers.make(row.client),
            revoked=row.revoked_at is not None,
            ends=row.expires_at.timestamp() if row.expires_at else math.inf,
            read_at=now,
        )

    def _write_use(self, key_id: str, when: datetime) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(update(Credential).where(Credential.id == key_id).values(last_used_at=when))
        except SQLAlchemyError as error:
            log.warning("last use not kept", key_id=key_id, error=type(error).__name__)


def _this_minute() -> int:
    return int(time.time() // _MINUTE)
