"""Secrets of one use on the way to a token: consent codes, authorization codes, refresh tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import CursorResult, Engine, delete, select, update
from sqlalchemy.orm import Session

from provider.auth.callers import reaching_database
from provider.auth.keys import AUTHORIZATION_CODE, CONSENT_CODE, REFRESH_TOKEN, Pepper, make_key, parse_key, random_id
from provider.store.client_tables import Grant

LIFETIMES = {
    CONSENT_CODE: timedelta(minutes=10),
    AUTHORIZATION_CODE: timedelta(minutes=1),
    REFRESH_TOKEN: timedelta(days=30),
}


@dataclass(frozen=True)
class Terms:
    """What a grant stands for. `family` ties together all that came of one consent."""

    client: int
    scope: str = ""
    family: str = ""
    redirect_uri: str | None = None
    code_challenge: str | None = None


class Grants:
    """Makes, finds and uses up grants. What has expired is forgotten whenever a new one is made.

    Every method raises SourceUnavailable when the provider database does not answer.
    """

    def __init__(self, engine: Engine, pepper: Pepper) -> None:
        self._engine = engine
        self._pepper = pepper

    def make(self, kind: str, terms: Terms) -> str:
        """Make a grant; return its text, which is kept only as a hash."""
        key, now = make_key(kind), datetime.now(UTC)
        # Two transactions: in one, MariaDB's gap locks would make those who come at once fail for each other.
        with reaching_database(), self._engine.begin() as connection:
            connection.execute(delete(Grant).where(Grant.expires_at < now))
        with reaching_database(), Session(self._engine) as session, session.begin():
            session.add(
                Grant(
                    id=key.id,
                    client_pk=terms.client,
                    kind=kind,
                    digest=self._pepper.digest(key.text),
                    family=terms.family or random_id(),
                    scope=terms.scope,
                    redirect_uri=terms.redirect_uri,
                    code_challenge=terms.code_challenge,
                    expires_at=now + LIFETIMES[kind],
                )
            )
        return key.text

    def find(self, text: str, kind: str) -> Grant | None:
        """Find a genuine grant, a used one too; None when it is unknown or has expired."""
        key = parse_key(text, kind)
        if key is None or not key.intact:
            return None
        with reaching_database(), Session(self._engine) as session:
            grant = session.scalar(select(Grant).where(Grant.id == key.id, Grant.kind == kind))
        if grant is None or not self._pepper.matches(text, grant.digest) or grant.expires_at <= datetime.now(UTC):
            return None
        return grant

    def use(self, grant: Grant) -> bool:
        """Use a grant up; False when somebody else, perhaps in another worker, was first."""
        with reaching_database(), self._engine.begin() as connection:
            used: CursorResult[object] = connection.execute(
                update(Grant).where(Grant.id == grant.id, Grant.used_at.is_(None)).values(used_at=datetime.now(UTC))
            )
        return used.rowcount == 1
