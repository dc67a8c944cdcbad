"""Who is not to be served: kept as keyed hashes, and in the memory of every worker for a few seconds."""

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
from provider.records.people.identifiers import CUSTOMER_ID, EMAIL, KINDS, PHONE, Person, canonical
from provider.store.suppression_table import Suppression

log = structlog.get_logger()


class Marker:
    """Makes what is kept of an identifier: HMAC-SHA256 of its canonical form, under a key of its own."""

    def __init__(self, secret_key: bytes) -> None:
        self._key = derive_key(secret_key, "suppression")
        self.seal = self.digest("key", "")

    def check_key(self, digests: Collection[str]) -> None:
        """Refuse digests made under another key, by which nobody would be recognised; ConfigurationError."""
        if digests and self.seal not in digests:
            raise ConfigurationError(
                "People were suppressed under another PROVIDER_SECRET_KEY and would be served again. "
                "Put that key back, or empty the table provider_suppression and suppress them anew."
            )

    def digest(self, kind: str, value: str) -> str:
        """Hash an identifier, in hexadecimal. A phone and a customer id of the same digits differ."""
        return hmac.digest(self._key, f"{kind}:{value}".encode(), "sha256").hex()

    def digests(self, person: Person) -> set[str]:
        """Hash all identifiers of a person."""
        return {self.digest(kind, value) for kind, value in person}


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Those who were suppressed at one moment."""

    marker: Marker
    digests: frozenset[str]
    region: str

    def include(self, query: Query) -> bool:
        """Say whether a lookup asks for somebody suppressed."""
        return bool(
            (query.phone and self._has(PHONE, query.phone.e164))
            or (query.email and self._has(EMAIL, query.email))
            or (CUSTOMER_ID in query.identifiers and self._has(CUSTOMER_ID, query.identifiers[CUSTOMER_ID]))
        )

    def include_record(self, record: Mapping[str, object]) -> bool:
        """Say whether a record shows by its own fields that it is of somebody suppressed."""
        return any(
            (value := canonical(kind, str(record[name]), region=self.region)) and self._has(kind, value)
            for name, kind in KINDS.items()
            if record.get(name) is not None
        )

    def _has(self, kind: str, value: str) -> bool:
        return self.marker.digest(kind, value) in self.digests


class Suppressions:
    """Knows who is suppressed without asking the database on every call.

    While the database does not answer, those who were suppressed stay it: an outage serves nobody again.
    """

    def __init__(self, engine: Engine, secret_key: bytes, *, region: str) -> None:
        """Read them at once: without them nobody may be served. ConfigurationError when the secret key is another."""
        self._engine = engine
        self._marker, self._region = Marker(secret_key), region
        self._reading = threading.Lock()
        self._known = self._read()
        self._read_at = time.monotonic()
        self._marker.check_key(self._known.digests if self._known else ())

    def current(self) -> Suppressed | None:
        """Give those who are suppressed, None when nobody is; at most CACHE_SECONDS old while the database answers."""
        if time.monotonic() - self._read_at >= CACHE_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._known = self._read()
            except SQLAlchemyError:
                log.warning("suppressions not read")
            finally:
                self._read_at = time.monotonic()
                self._reading.release()
        return self._known

    def _read(self) -> Suppressed | None:
        with self._engine.connect() as connection:
            digests = frozenset(connection.scalars(select(Suppression.digest)))
        return Suppressed(self._marker, digests, self._region) if digests else None


def suppress(engine: Engine, marker: Marker, person: Person) -> int:
    """Suppress a person under all these identifiers, which stand and fall together; give how many they are."""
    group, now = random_id(), datetime.now(UTC)
    digests = marker.digests(person)
    rows = [{"digest": digest, "person": group, "created_at": now} for digest in (marker.seal, *digests)]
    with engine.begin() as connection:
        _check_key(connection, marker)
        connection.execute(insert(Suppression), rows)
    return len(digests)


def restore(engine: Engine, marker: Marker, given: Person) -> int:
    """Lift each suppression that has all these identifiers; give how many identifiers are served again.

    ConfigurationError when the secret key is another.
    """
    digests = marker.digests(given)
    groups = (
        select(Suppression.person)
        .where(Suppression.digest.in_(digests))
        .group_by(Suppression.person)
        .having(func.count() == len(digests))
    )
    with engine.begin() as connection:
        _check_key(connection, marker)
        lifted = Suppression.person.in_(list(connection.scalars(groups)))
        under = set(connection.scalars(select(Suppression.digest).where(lifted)))
        connection.execute(delete(Suppression).where(lifted))
    return len(under - {marker.seal})


def suppressed_since(engine: Engine, marker: Marker, person: Person) -> datetime | None:
    """Say since when a person is suppressed under one of these identifiers, None when under none.

    ConfigurationError when the secret key is another.
    """
    first = select(func.min(Suppression.created_at)).where(Suppression.digest.in_(marker.digests(person)))
    with engine.connect() as connection:
        _check_key(connection, marker)
        return connection.scalar(first)


def _check_key(connection: Connection, marker: Marker) -> None:
    marker.check_key(set(connection.scalars(select(Suppression.digest))))
