"""The inbox: webhooks are stored as received, until their handlers are done with them.

A worker claims a webhook by a lease and extends it while the handler runs, so that one worker has it at a time. When
the worker dies, the lease ends and another one claims it. `attempts` counts the claims: a worker whose lease has ended
no longer changes the webhook.
"""

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session, defer

from provider.errors import ConfigurationError
from provider.store.push_tables import Webhook

NAME = re.compile(r"[a-z0-9-]{1,64}")

WAITING, DONE, FAILED = STATES = ("waiting", "done", "failed")

LEASE_SECONDS = 60.0
"""How long a claimed webhook belongs to its worker. When the worker has died, the webhook is free after that."""

MOST_ATTEMPTS = 12
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 3600.0
"""Seconds between two attempts; the pause doubles each time. Twelve attempts take a little over three hours."""

_DIED = "the process ended during the last attempt"


@dataclass(frozen=True)
class ClaimedWebhook:
    """A webhook that a worker has claimed."""

    id: int
    name: str
    payload: bytes
    attempts: int


class Inbox:
    """The webhooks of a provider database: stored, claimed when due, and finished."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, name: str, *, client: str, payload: bytes) -> int:
        """Store a webhook; return its number."""
        fresh = insert(Webhook).values(
            name=name,
            client=client,
            payload=payload,
            state=WAITING,
            attempts=0,
            due_at=time.time(),
            leased_until=0.0,
            received_at=datetime.now(UTC),
        )
        with self._engine.begin() as connection:
            (number,) = connection.execute(fresh).inserted_primary_key or (0,)
        return int(number)

    def claim(self, names: Collection[str]) -> ClaimedWebhook | None:
        """Claim the webhook of these names that has been due longest; None when none is due."""
        while True:
            now = time.time()
            due = (
                select(Webhook.id, Webhook.name, Webhook.payload, Webhook.attempts)
                .where(Webhook.state == WAITING, Webhook.due_at <= now, Webhook.leased_until <= now)
                .where(Webhook.name.in_(names))
                .order_by(Webhook.due_at, Webhook.id)
                .limit(1)
            )
            # Read in a transaction of its own: SQLite refuses a write when others have written since the read.
            with self._engine.connect() as connection:
                row = connection.execute(due).one_or_none()
            if row is None:
                return None
            seen = ClaimedWebhook(*row)
            if seen.attempts >= MOST_ATTEMPTS:
                self._change(seen, state=FAILED, message=_DIED)
            elif self._change(seen, attempts=seen.attempts + 1, leased_until=now + LEASE_SECONDS):
                return ClaimedWebhook(seen.id, seen.name, seen.payload, seen.attempts + 1)

    def extend_lease(self, claimed: ClaimedWebhook) -> bool:
        """Extend the lease of a webhook; return False when another worker has claimed it."""
        return self._change(claimed, leased_until=time.time() + LEASE_SECONDS)

    def finish(self, claimed: ClaimedWebhook) -> None:
        """Note that a webhook is handled, and delete its payload, which may hold personal data."""
        self._change(claimed, state=DONE, payload=b"", message=None)

    def put_back(self, claimed: ClaimedWebhook, message: str) -> bool:
        """Note that an attempt failed, to be repeated after a pause; return False when it was the last one."""
        if claimed.attempts >= MOST_ATTEMPTS:
            self._change(claimed, state=FAILED, message=message)
            return False
        pause = min(_FIRST_PAUSE * 2 ** (claimed.attempts - 1), _LONGEST_PAUSE)
        self._change(claimed, due_at=time.time() + pause, leased_until=0.0, message=message)
        return True

    def list(self, *, name: str | None = None, state: str | None = None) -> Sequence[Webhook]:
        """List webhooks, oldest first, without their payloads."""
        chosen = select(Webhook).options(defer(Webhook.payload, raiseload=True)).order_by(Webhook.id)
        if name is not None:
            chosen = chosen.where(Webhook.name == name)
        if state is not None:
            chosen = chosen.where(Webhook.state == state)
        with Session(self._engine) as session:
            return session.scalars(chosen).all()

    def get(self, number: int) -> Webhook:
        """Return a webhook; ConfigurationError when there is none."""
        with Session(self._engine) as session:
            webhook = session.get(Webhook, number)
        if webhook is None:
            raise ConfigurationError(f"There is no webhook {number}. `provider webhook list` shows those there are.")
        return webhook

    def retry(self, number: int) -> None:
        """Make a webhook due now; attempts of one that failed count anew. ConfigurationError when it is done.

        A worker that handles it at the moment goes on.
        """
        webhook = self.get(number)
        if webhook.state == DONE:
            raise ConfigurationError(f"Webhook {number} is done, and its payload is no longer kept.")
        afresh = {"attempts": 0, "leased_until": 0.0} if webhook.state == FAILED else {}
        again = update(Webhook).where(Webhook.id == number, Webhook.state == webhook.state)
        with self._engine.begin() as connection:
            connection.execute(again.values(state=WAITING, due_at=time.time(), **afresh))

    def _change(self, seen: ClaimedWebhook, **values: Any) -> bool:
        """Change a webhook unless it was claimed again or finished since `seen`; return whether it was changed."""
        unchanged = (Webhook.id == seen.id, Webhook.state == WAITING, Webhook.attempts == seen.attempts)
        with self._engine.begin() as connection:
            return connection.execute(update(Webhook).where(*unchanged).values(**values)).rowcount == 1
