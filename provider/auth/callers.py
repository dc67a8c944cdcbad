"""Finds the client of a call in the provider database, and keeps it in memory for a few seconds."""

import time
from ipaddress import ip_network

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from provider.auth.access import Caller
from provider.contract.envelope import Envelope
from provider.settings import Settings
from provider.store.client_tables import Client
from provider.store.provider_database import reaching_database

CACHE_SECONDS = 5
"""Seconds for which a worker keeps what it read. After this time, a change holds in every worker."""

CACHE_SIZE = 10_000


class Callers:
    """Finds callers. Every method raises SourceUnavailable when the provider database does not answer."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._methods = frozenset(settings.auth_methods)
        self._known: dict[tuple[str, object], tuple[float, Caller]] = {}

    def by_id(self, row: int) -> Caller | None:
        """Find a client by the id of its row."""
        return self._find("id", row)

    def by_client_id(self, client_id: str) -> Caller | None:
        """Find a client by its OAuth client id."""
        return self._find("client_id", client_id)

    def by_name(self, name: str) -> Caller | None:
        """Find a client by its name."""
        return self._find("name", name)

    def make(self, client: Client) -> Caller:
        """Make the caller of a row."""
        return Caller(
            id=client.id,
            name=client.name,
            client_id=client.client_id,
            envelope=Envelope.of(self._settings, client.envelope),
            grants=client.grants,
            methods=self._methods if client.auth_methods is None else self._methods & set(client.auth_methods),
            networks=tuple(ip_network(network) for network in client.networks),
            redirect_uris=tuple(client.redirect_uris),
            revoked=client.revoked_at is not None,
        )

    def _find(self, column: str, value: object) -> Caller | None:
        now = time.monotonic()
        read_at, caller = self._known.get((column, value), (float("-inf"), None))
        if now - read_at < CACHE_SECONDS:
            return caller
        with reaching_database(), Session(self._engine) as session:
            client = session.scalar(select(Client).where(getattr(Client, column) == value))
        if client is None or getattr(client, column) != value:  # MariaDB compares without regard to case
            return None
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        caller = self.make(client)
        self._known[column, value] = now, caller
        return caller
