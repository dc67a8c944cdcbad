"""Suppressed people: stored as keyed hashes, and cached by every worker for a few seconds."""

import hmac
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from provider.auth.callers import CACHE_SECONDS
from provider.auth.keys import derive_key, random_id
from provider.dataset import Query
from provider.errors import ConfigurationError
from provider.records.people.identifiers import (
    CUSTOMER_ID,
    EMAIL,
    IDENTIFYING_FIELDS,
    PHONE,
    Person,
    canonical_identifier,
)
from provider.store.suppression_table import Suppression

log = structlog.get_logger()


class IdentifierHasher:
    """Hashes identifiers: HMAC-SHA256 of the canonical form, with a key derived for this purpose only."""

    def __init__(self, secret_key: bytes) -> None:
        self._key = derive_key(secret_key, "suppression")
        self.key_digest = self.digest("key", "")

    def check_key(self, digests: Collection[str]) -> None:
        """Check that digests were made with this key; ConfigurationError otherwise: nobody would be recognised."""
        if digests and self.key_digest not in digests:
            raise ConfigurationError(
                "People were suppressed under another PROVIDER_SECRET_KEY and would be served again. "
                "Put that key back, or empty the table provider_suppression and suppress them anew."
            )

    def digest(self, kind: str, value: str) -> str:
        """Return the hash of an identifier in hexadecimal; a phone and a customer id of the same digits differ."""
        return hmac.digest(self._key, f"{kind}:{value}".encode(), "sha256").hex()

    def digests(self, person: Person) -> set[str]:
        """Return the hashes of all identifiers of a person."""
        return {self.digest(kind, value) for kind, value in person}


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The people who are suppressed at one moment."""

    hasher: IdentifierHasher
    digests: frozenset[str]
    region: str

    def include(self, query: Query) -> bool:
        """Say whether a lookup asks for a suppressed person."""
        return bool(
            (query.phone and self._has(PHONE, query.phone.e164))
            or (query.email and self._has(EMAIL, query.email))
            or (CUSTOMER_ID in query.identifiers and self._has(CUSTOMER_ID, query.identifiers[CUSTOMER_ID]))
        )

    def include_record(self, record: Mapping[str, object]) -> bool:
        """Say whether the fields of a record show that it is a suppressed person's."""
        return any(
            (value := canonical_identifier(kind, str(record[name]), region=self.region)) and self._has(kind, value)
            for name, kind in IDENTIFYING_FIELDS.items()
            if record.get(name) is not None
        )

    def _has(self, kind: str, value: str) -> bool:
        return self.hasher.digest(kind, value) in self.digests


class Suppressions:
    """Caches who is suppressed, so that a lookup need not ask the database.

    While the database does not answer, the people who were suppressed stay suppressed.
    """

    def __init__(self, engine: Engine, secret_key: bytes, *, region: str) -> None:
        """Read them at the start: nobody may be served without them. ConfigurationError for another secret key."""
        self._engine = engine
        self._hasher, self._region = IdentifierHasher(secret_key), region
        self._lock = threading.Lock()
        self._current = self._read()
        self._read_at = time.monotonic()
        self._hasher.check_key(self._current.digests if self._current else ())

    def current(self) -> Suppressed | None:
        """Return who is suppressed, None when nobody is; at most CACHE_SECONDS old while the database answers."""
        if time.monotonic() - self._read_at >= CACHE_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._current = self._read()
            except SQLAlchemyError:
                log.warning("suppressions not read")
            finally:
                self._read_at = time.monotonic()
                self._lock.release()
        return self._current

    def _read(self) -> Suppressed | None:
        with self._engine.connect() as connection:
            digests = frozenset(connection.scalars(select(Suppression.digest)))
        return Suppressed(self._hasher, digests, self._region) if digests else None


def suppress_person(engine: Engine, hasher: IdentifierHasher, person: Person) -> int:
    """Suppress a person under all their identifiers, which are restored together; return the number of identifiers."""
    group, now = random_id(), datetime.now(UTC)
    digests = hasher.digests(person)
    rows = [{"digest": digest, "person": group, "created_at": now} for digest in (hasher.key_digest, *digests)]
    with engine.begin() as connection:
        _check_key(connection, hasher)
        connection.execute(insert(Suppression), rows)
    return len(digests)


def restore_person(engine: Engine, hasher: IdentifierHasher, given: Person) -> int:
    """End each suppression that has all these identifiers; return how many identifiers are served again.

    ConfigurationError for another secret key.
    """
    digests = hasher.digests(given)
    groups = (
        select(Suppression.person)
        .where(Suppression.digest.in_(digests))
        .group_by(Suppression.person)
        .having(func.count() == len(digests))
    )
    with engine.begin() as connection:
        _check_key(connection, hasher)
        lifted = Suppression.person.in_(list(connection.scalars(groups)))
        under = set(connection.scalars(select(Suppression.digest).where(lifted)))
        connection.execute(delete(Suppression).where(lifted))
    return len(under - {hasher.key_digest})


def suppressed_since(engine: Engine, hasher: IdentifierHasher, person: Person) -> datetime | None:
    """Return when a person was first suppressed under one of these identifiers, None when never.

    ConfigurationError for another secret key.
    """
    first = select(func.min(Suppression.created_at)).where(Suppression.digest.in_(hasher.digests(person)))
    with engine.connect() as connection:
        _check_key(connection, hasher)
        return connection.scalar(first)


def _check_key(connection: Connection, hasher: IdentifierHasher) -> None:
    hasher.check_key(set(connection.scalars(select(Suppression.digest))))
