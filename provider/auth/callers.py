"""Callers: the clients as a call sees them, kept in memory for a few seconds."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from provider.auth.addresses import parse_address
from provider.contract.envelope import Envelope
from provider.errors import Forbidden, SourceUnavailable
from provider.settings import Settings
from provider.store.client_tables import Client

CACHE_SECONDS = 5
"""How long a worker trusts what it read of a client or a key: a change is felt everywhere after this time at most."""

CACHE_SIZE = 10_000

Visible = Mapping[str, str | None] | None
"""The fields of a record a client may see, each with its mask, None for no mask; None for all, as they are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as a call sees it. `grants` is None where it may read every dataset."""

    id: int
    name: str
    client_id: str
    envelope: Envelope
    grants: Mapping[str, Visible] | None
    methods: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]
    redirect_uris: tuple[str, ...]
    revoked: bool
    read_at: float

    def visible(self, dataset: str) -> Visible:
        """Say which fields of a dataset the client may see; Forbidden when it may not read it at all."""
        if self.grants is None:
            return None
        if dataset not in self.grants:
            raise Forbidden(f"This client may not read the dataset {dataset}.")
        return self.grants[dataset]

    def check_network(self, address: str | None) -> None:
        """Refuse a call from a network the client does not call from; Forbidden."""
        if not self.networks:
            return
        caller = parse_address(address)
        if caller is None or not any(caller in network for network in self.networks):
            raise Forbidden("This client may not call from this address.")


class Callers:
    """Finds callers by what identifies them: the row, the OAuth client id, or the name."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._methods = frozenset(settings.auth_methods)
        self._known: dict[tuple[str, object], Caller] = {}

    def by_id(self, row: int) -> Caller | None:
        """Find the client of a row; SourceUnavailable when the provider database does not answer."""
        return self._find("id", row)

    def by_client_id(self, client_id: str) -> Caller | None:
        """Find a client by its OAuth client id."""
        return self._find("client_id", client_id)

    def by_name(self, name: str) -> Caller | None:
        """Find a client by its name."""
        return self._find("name", name)

    def _find(self, column: str, value: object) -> Caller | None:
        now = time.monotonic()
        caller = self._known.get((column, value))
        if caller and now - caller.read_at < CACHE_SECONDS:
            return caller
        with reaching_database(), Session(self._engine) as session:
            client = session.scalar(select(Client).where(getattr(Client, column) == value))
        if client is None or getattr(client, column) != value:  # MariaDB compares without regard to case
            self._known.pop((column, value), None)
            return None
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        caller = self._known[column, value] = self._caller(client, now)
        return caller

    def _caller(self, client: Client, now: float) -> Caller:
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
            read_at=now,
        )


@contextmanager
def reaching_database() -> Iterator[None]:
    """Turn whatever the provider database raises into SourceUnavailable."""
    try:
        yield
    except SQLAlchemyError as error:
        raise database_down() from error


def database_down() -> SourceUnavailable:
    """Say that the provider database does not answer."""
    return SourceUnavailable("The provider database does not answer. Try again later.")
