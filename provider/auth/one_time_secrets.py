"""Stores secrets that can be used once: consent codes, authorization codes, refresh tokens."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import CursorResult, Engine, delete, select, update
from sqlalchemy.orm import Session

from provider.auth.keys import AUTHORIZATION_CODE, CONSENT_CODE, REFRESH_TOKEN, Pepper, make_key, parse_key, random_id
from provider.store.client_tables import OneTimeSecret
from provider.store.provider_database import reaching_database

LIFETIMES = {
    CONSENT_CODE: timedelta(minutes=10),
    AUTHORIZATION_CODE: timedelta(minutes=1),
    REFRESH_TOKEN: timedelta(days=30),
}


class OneTimeSecrets:
    """Makes, finds and uses up one-time secrets. Making one deletes those that have expired.

    Every method raises SourceUnavailable when the provider database does not answer.
    """

    def __init__(self, engine: Engine, pepper: Pepper) -> None:
        self._engine = engine
        self._pepper = pepper

    def make(
        self,
        kind: str,
        *,
        client: int,
        scope: str = "",
        family: str = "",
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
    ) -> str:
        """Make a secret; return its text, which is stored only as a hash.

        `client` is the id of a client's row. `family` is the id of the consent that the secret belongs to; "" begins
        a new one.
        """
        key, now = make_key(kind), datetime.now(UTC)
        # Two transactions: in one, MariaDB's gap locks would make calls at the same moment fail.
        with reaching_database(), self._engine.begin() as connection:
            connection.execute(delete(OneTimeSecret).where(OneTimeSecret.expires_at < now))
        with reaching_database(), Session(self._engine) as session, session.begin():
            session.add(
                OneTimeSecret(
                    id=key.id,
                    client_pk=client,
                    kind=kind,
                    digest=self._pepper.digest(key.text),
                    family=family or random_id(),
                    scope=scope,
                    redirect_uri=redirect_uri,
                    code_challenge=code_challenge,
                    expires_at=now + LIFETIMES[kind],
                )
            )
        return key.text

    def find(self, text: str, kind: str) -> OneTimeSecret | None:
        """Find a secret, even a used one; None when it is unknown or has expired."""
        key = parse_key(text, kind)
        if key is None:
            return None
        with reaching_database(), Session(self._engine) as session:
            secret = session.scalar(select(OneTimeSecret).where(OneTimeSecret.id == key.id, OneTimeSecret.kind == kind))
        if secret is None or not self._pepper.matches(text, secret.digest) or secret.expires_at <= datetime.now(UTC):
            return None
        return secret

    def use(self, secret: OneTimeSecret) -> bool:
        """Mark a secret as used; False when another call has used it before."""
        with reaching_database(), self._engine.begin() as connection:
            used: CursorResult[object] = connection.execute(
                update(OneTimeSecret)
                .where(OneTimeSecret.id == secret.id, OneTimeSecret.used_at.is_(None))
                .values(used_at=datetime.now(UTC))
            )
        return used.rowcount == 1
