"""Callbacks: Pango reports which of the records it queued were stored (PangoCDP, "Data Ingestion Callback").

The last result of each refId is stored, also when no push of ours knows the record: callbacks may come twice and in any
order.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from sqlalchemy import Connection, Engine, Select, Table, and_, case, func, select

from provider.auth.failed_logins import FailedLogins
from provider.database.transactions import run_in_transaction
from provider.errors import ConfigurationError, Forbidden, Unauthorized
from provider.ingestion.inbound.callback_results import LONGEST_ID, STORED, Result, clean, read_results
from provider.ingestion.inbound.checksum import load_verifier
from provider.settings import Settings
from provider.store.provider_database import reaching_database
from provider.store.push_tables import CallbackResult, Push, Sent
from provider.store.upsert import make_upsert

KEY_HEADER, CHECKSUM_HEADER = "ApiKey", "Checksum"
_CHALLENGE = (("WWW-Authenticate", f'ApiKey realm="callbacks", header="{KEY_HEADER}"'),)

log = structlog.get_logger()


class Callbacks:
    """Receives callbacks; ConfigurationError for a key that cannot be sent or a verifier that cannot be imported."""

    def __init__(self, engine: Engine, settings: Settings, failed_logins: FailedLogins) -> None:
        self._engine = engine
        self._failed_logins = failed_logins
        self._keys = [key.strip() for key in settings.callback_api_keys if key.strip()]
        if not all(key.isascii() for key in self._keys):
            raise ConfigurationError(
                "PROVIDER_CALLBACK_API_KEYS has a key that no header can carry. Use letters and digits without accents."
            )
        self._verify = load_verifier(settings.callback_checksum)
        self._strict = settings.callback_strict
        self._upsert = make_upsert(cast("Table", CallbackResult.__table__), ["ref_id"], engine.dialect)

    def authenticate(self, sent: str | None, address: str | None) -> str:
        """Return the key that was sent in the header; Unauthorized, TooManyRequests."""
        if not self._keys:
            raise Unauthorized("Callbacks are refused: PROVIDER_CALLBACK_API_KEYS is not set.", headers=_CHALLENGE)
        if not sent or not sent.strip():
            raise Unauthorized(f"Send the agreed key in the header {KEY_HEADER}.", headers=_CHALLENGE)
        # Header text is Latin-1 in WSGI (PEP 3333). Every key is compared, found or not.
        given = sent.strip().encode("latin-1", "replace")
        found = [key for key in self._keys if hmac.compare_digest(key.encode(), given)]
        if not found:
            raise self._failed_logins.refuse(Unauthorized("The key is not valid.", headers=_CHALLENGE), address)
        return found[0]

    def receive(self, payload: Mapping[str, Any], *, api_key: str, checksum: str | None) -> int:
        """Store the results of a callback; return how many. InvalidRequest, Forbidden, SourceUnavailable."""
        results = read_results(payload)
        self._check_checksum([result.ref_id for result in results], api_key, checksum)
        with reaching_database():
            self._store(results, checksum)
        stored = sum(result.status == STORED for result in results)
        log.info("callback", records=len(results), stored=stored)
        return len(results)

    def _check_checksum(self, ref_ids: list[str], api_key: str, checksum: str | None) -> None:
        if self._strict and self._verify is None:
            raise Forbidden(
                "Callbacks are refused: PROVIDER_CALLBACK_STRICT is on, and PROVIDER_CALLBACK_CHECKSUM names nothing "
                f"that could verify the header {CHECKSUM_HEADER}."
            )
        if self._strict and not checksum:
            raise Forbidden(f"The header {CHECKSUM_HEADER} is missing, and PROVIDER_CALLBACK_STRICT is on.")
        if self._verify and not self._verify(ref_ids, api_key, checksum):
            raise Forbidden(f"The header {CHECKSUM_HEADER} does not fit the records.")

    def _store(self, results: list[Result], checksum: str | None) -> None:
        """Write all results or none, sorted by key: two callbacks at once then wait for each other."""
        beside = {"checksum": checksum and clean(checksum, LONGEST_ID), "received_at": datetime.now(UTC)}
        rows = {result.ref_id: result._asdict() | beside for result in results}
        ordered = [rows[ref_id] for ref_id in sorted(rows)]
        if ordered:
            run_in_transaction(self._engine, lambda connection: connection.execute(self._upsert, ordered))


@dataclass(frozen=True)
class CallbackCounts:
    """How many of a push's records are stored, how many failed, and how many have no result yet."""

    stored: int
    failed: int
    unanswered: int


@dataclass(frozen=True)
class FailedRecord:
    """A record that Pango queued and then did not store."""

    ref_id: str
    status: int
    message: str | None


def count_results(connection: Connection, push_id: str) -> CallbackCounts:
    """Count the results of a push's records."""
    counted = _results_of(
        push_id, func.count(), func.count(CallbackResult.ref_id), func.count(case((CallbackResult.status == STORED, 1)))
    )
    sent, answered, stored = connection.execute(counted).one()
    return CallbackCounts(stored=stored, failed=answered - stored, unanswered=sent - answered)


def list_failed(connection: Connection, push_id: str) -> Iterator[FailedRecord]:
    """List the records of a push that failed, sorted by refId."""
    failed = _results_of(push_id, CallbackResult.ref_id, CallbackResult.status, CallbackResult.message)
    for row in connection.execute(failed.where(CallbackResult.status != STORED).order_by(Sent.ref_id)):
        yield FailedRecord(*row)


def _results_of(push_id: str, *columns: Any) -> Select[Any]:
    """Select the records of a push with their results, NULL when there is none.

    Results from before the push are about an earlier push of the same record.
    """
    result = and_(CallbackResult.ref_id == Sent.ref_id, CallbackResult.received_at >= Push.created_at)
    return (
        select(*columns)
        .select_from(Sent)
        .join(Push, Push.id == Sent.push_id)
        .outerjoin(CallbackResult, result)
        .where(Sent.push_id == push_id)
    )
