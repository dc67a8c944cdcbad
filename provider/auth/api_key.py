"""API keys: from the text in a header to the client that owns it, without asking the database on every call."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine, bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from provider.auth.keys import API_KEY, Pepper, parse_key
from provider.contract.envelope import Envelope
from provider.errors import SourceUnavailable
from provider.settings import Settings
from provider.store.models import Client, Credential

CACHE_SECONDS = 5
"""How long a worker trusts what it read about a key: a revocation is felt everywhere after this time at most."""

_CACHE_SIZE = 10_000
_MINUTE = 60

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as a call sees it."""

    id: int
    name: str
    envelope: Envelope


@dataclass(slots=True)
class Known:
    """What is known of a key: its owner, and until when it holds (seconds since the epoch)."""

    id: str
    caller: Caller
    digest: str
    ends: float
    revoked: bool
    read_at: float
    used_minute: int

    def refusal(self, now: float) -> str | None:
        """Say why the key does not hold any more, None while it does."""
        if self.revoked:
            return "The API key has been revoked."
        if self.ends <= now:
            return "The API key has expired."
        return None


_FIND = (
    select(
        Client.id,
        Client.name,
        Client.envelope,
        Credential.digest,
        Credential.expires_at,
        or_(Credential.revoked_at.is_not(None), Client.revoked_at.is_not(None)).label("revoked"),
    )
    .join(Credential.client)
    .where(Credential.id == bindparam("key_id"), Credential.kind == API_KEY)
)


class ApiKeys:
    """Finds the owner of a key."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._pepper = Pepper(settings.require_secret_key())
        self._known: dict[str, Known] = {}
        self._writer = ThreadPoolExecutor(1, "last-used")

    def find(self, text: str) -> Known | None:
        """Find what is known of a key; None for anything that is not one of ours. Whether it still holds is in it."""
        key = parse_key(text, API_KEY)
        known = self._recall(key.id) if key else None
        if known is None or not self._pepper.matches(text, known.digest):
            return None
        return known

    def note_use(self, known: Known, now: float) -> None:
        """Keep when a key was last used, to the minute, without making the call wait for it."""
        minute = int(now // _MINUTE)
        if known.used_minute != minute:
            known.used_minute = minute
            self._writer.submit(self._write_use, known.id, datetime.fromtimestamp(minute * _MINUTE, UTC))

    def _recall(self, key_id: str) -> Known | None:
        known = self._known.get(key_id)
        now = time.monotonic()
        if known and now - known.read_at < CACHE_SECONDS:
            return known
        try:
            with self._engine.connect() as connection:
                row = connection.execute(_FIND, {"key_id": key_id}).first()
        except SQLAlchemyError as error:
            raise SourceUnavailable("The provider database does not answer. Try again later.") from error
        if row is None:
            self._known.pop(key_id, None)
            return None
        if len(self._known) >= _CACHE_SIZE:
            self._known.clear()
        self._known[key_id] = Known(
            id=key_id,
            caller=Caller(row.id, row.name, Envelope.of(self._settings, row.envelope)),
            digest=row.digest,
            ends=row.expires_at.timestamp() if row.expires_at else math.inf,
            revoked=bool(row.revoked),
            read_at=now,
            used_minute=known.used_minute if known else 0,
        )
        return self._known[key_id]

    def _write_use(self, key_id: str, when: datetime) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(update(Credential).where(Credential.id == key_id).values(last_used_at=when))
        except SQLAlchemyError as error:
            log.warning("last use not kept", key_id=key_id, error=type(error).__name__)
