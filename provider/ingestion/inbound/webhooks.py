"""The inbox: webhooks as they were received, until their handlers are done with them.

Whoever works on one holds it by a lease, which it prolongs while it works: of all workers one has it at a time, and
when that one dies the others wait no longer than the lease. `attempts` counts the times it was taken, and tells the one
who holds it now from one who held it before.
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

LEASE = 60.0
"""Seconds after which a webhook is free again whose worker has died."""

MOST_ATTEMPTS = 12
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 3600.0
"""Seconds between two attempts; the pause doubles each time. Twelve attempts take a little over three hours."""

_DIED = "the process ended during the last attempt"


@dataclass(frozen=True)
class Taken:
    """A webhook somebody works on."""

    id: int
    name: str
    payload: bytes
    attempts: int


class Inbox:
    """Keeps webhooks, hands out those that are due, and notes what became of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, name: str, *, client: str, payload: bytes) -> int:
        """Store a webhook; give its number."""
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

    def take(self, names: Collection[str]) -> Taken | None:
        """Take the webhook that is due longest, of these names; None when none is."""
        while True:
            now = time.time()
            due = (
                select(Webhook.id, Webhook.name, Webhook.payload, Webhook.attempts)
                .where(Webhook.state == WAITING, Webhook.due_at <= now, Webhook.leased_until <= now)
                .where(Webhook.name.in_(names))
                .order_by(Webhook.due_at, Webhook.id)
                .limit(1)
            )
            # Looked at in a transaction of its own: SQLite refuses one that writes after others wrote since it read.
            with self._engine.connect() as connection:
                row = connection.execute(due).one_or_none()
            if row is None:
                return None
            seen = Taken(*row)
            if seen.attempts >= MOST_ATTEMPTS:
                self._change(seen, state=FAILED, message=_DIED)
            elif self._change(seen, attempts=seen.attempts + 1, leased_until=now + LEASE):
                return Taken(seen.id, seen.name, seen.payload, seen.attempts + 1)

    def prolong(self, taken: Taken) -> bool:
        """Hold on to a webhook; False when somebody else has it."""
        return self._change(taken, leased_until=time.time() + LEASE)

    def finish(self, taken: Taken) -> None:
        """Note that a webhook is handled; its payload, which may hold personal data, is thrown away."""
        self._change(taken, state=DONE, payload=b"", message=None)

    def put_back(self, taken: Taken, message: str) -> bool:
        """Note that an attempt failed, to be repeated after a pause; False when it was the last one."""
        if taken.attempts >= MOST_ATTEMPTS:
            self._change(taken, state=FAILED, message=message)
            return False
        pause = min(_FIRST_PAUSE * 2 ** (taken.attempts - 1), _LONGEST_PAUSE)
        self._change(taken, due_at=time.time() + pause, leased_until=0.0, message=message)
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
        """Find a webhook; ConfigurationError when there is none."""
        with Session(self._engine) as session:
            webhook = session.get(Webhook, number)
        if webhook is None:
            raise ConfigurationError(f"There is no webhook {number}. `provider webhook list` shows those there are.")
        return webhook

    def retry(self, number: int) -> None:
        """Let a webhook be handled now, one that failed from the first attempt on; ConfigurationError when it is done.

        Whoever works on it at the moment goes on doing so.
        """
        webhook = self.get(number)
        if webhook.state == DONE:
            raise ConfigurationError(f"Webhook {number} is done, and its payload is no longer kept.")
        afresh = {"attempts": 0, "leased_until": 0.0} if webhook.state == FAILED else {}
        again = update(Webhook).where(Webhook.id == number, Webhook.state == webhook.state)
        with self._engine.begin() as connection:
            connection.execute(again.values(state=WAITING, due_at=time.time(), **afresh))

    def _change(self, seen: Taken, **values: Any) -> bool:
        """Change a webhook that is still as it was seen."""
        unchanged = (Webhook.id == seen.id, Webhook.state == WAITING, Webhook.attempts == seen.attempts)
        with self._engine.begin() as connection:
            return connection.execute(update(Webhook).where(*unchanged).values(**values)).rowcount == 1
