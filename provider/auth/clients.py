"""Creates, lists, rotates and revokes clients and their keys, for the operator's commands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, selectinload

from provider.auth.addresses import is_trustworthy
from provider.auth.keys import API_KEY, CLIENT_SECRET, Pepper, make_key, random_id
from provider.contract.envelope import Envelope
from provider.errors import ConfigurationError
from provider.settings import Settings
from provider.store.client_tables import Client, Credential

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_URI = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")  # the characters of RFC 3986, without #


@dataclass(frozen=True)
class Issued:
    """A client and its new secrets in the clear, which are not stored and cannot be shown again."""

    client: Client
    api_key: str
    client_secret: str


class Clients:
    """The clients in the provider database. All methods raise ConfigurationError for a wrong or unknown name."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._pepper = Pepper(settings.require_secret_key())

    def create(
        self,
        name: str,
        envelope: Mapping[str, Any],
        *,
        grants: Mapping[str, Mapping[str, str | None] | None] | None = None,
        auth_methods: Sequence[str] | None = None,
        networks: Sequence[str] = (),
        redirect_uris: Sequence[str] = (),
    ) -> Issued:
        """Make a client with an API key and a client secret.

        `envelope` holds the options that differ from the settings. `grants` maps each dataset to the fields that may be
        seen, each with its mask, or to None for all fields; without `grants` the client may read every dataset. Without
        `auth_methods` it may use those of the settings.
        """
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"A client cannot be called {name!r}. Use up to 64 letters, digits, '-', '_' and '.'."
            )
        Envelope.of(self._settings, envelope)  # refuses a wrong choice now, not at the first call
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            if session.scalar(select(Client).where(Client.name == name)):
                raise ConfigurationError(
                    f"There is a client {name!r} already. Choose another name, or rotate its keys."
                )
            client = Client(
                name=name,
                client_id=random_id(),
                envelope=dict(envelope),
                grants=None if grants is None else {name: fields and dict(fields) for name, fields in grants.items()},
                auth_methods=None if auth_methods is None else list(auth_methods),
                networks=[_network(network) for network in networks],
                redirect_uris=[_redirect_uri(uri) for uri in redirect_uris],
                created_at=datetime.now(UTC),
            )
            session.add(client)
            return Issued(client, self._issue(client, API_KEY), self._issue(client, CLIENT_SECRET))

    def list(self) -> list[Client]:
        """List all clients with their keys, oldest first."""
        with Session(self._engine) as session:
            return list(session.scalars(select(Client).options(selectinload(Client.credentials)).order_by(Client.id)))

    def get(self, name: str) -> Client:
        """Find a client with its keys."""
        with Session(self._engine) as session:
            return _find(session, name)

    def issue_trial(self, name: str, kind: str, lifetime: timedelta) -> str:
        """Make one more API key or client secret, to try the connection out; it expires after `lifetime`."""
        with Session(self._engine) as session, session.begin():
            return self._issue(_find_active(session, name), kind, expires_at=datetime.now(UTC) + lifetime)

    def rotate(self, name: str, overlap: timedelta) -> Issued:
        """Make a new API key and client secret; those in use work until the overlap is over."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            client = _find_active(session, name)
            end = datetime.now(UTC) + overlap
            for credential in client.credentials:
                credential.expires_at = min(credential.expires_at or end, end)
            return Issued(client, self._issue(client, API_KEY), self._issue(client, CLIENT_SECRET))

    def revoke(self, name: str, key_id: str | None = None) -> None:
        """Revoke a client, or the one of its keys that has this id."""
        with Session(self._engine) as session, session.begin():
            client = _find(session, name)
            now = datetime.now(UTC)
            if key_id is None:
                client.revoked_at = client.revoked_at or now
                return
            credential = next((known for known in client.credentials if known.id == key_id), None)
            if credential is None:
                raise ConfigurationError(
                    f"Client {name!r} has no key {key_id!r}. `provider client show {name}` lists them."
                )
            credential.revoked_at = credential.revoked_at or now

    def _issue(self, client: Client, kind: str, *, expires_at: datetime | None = None) -> str:
        """Add a credential to a client; return its text."""
        key = make_key(kind)
        client.credentials.append(
            Credential(
                id=key.id,
                kind=kind,
                digest=self._pepper.digest(key.text),
                last_four=key.last_four,
                created_at=datetime.now(UTC),
                expires_at=expires_at,
            )
        )
        return key.text


def _find(session: Session, name: str) -> Client:
    client = session.scalar(select(Client).options(selectinload(Client.credentials)).where(Client.name == name))
    if client is None:
        raise ConfigurationError(f"There is no client {name!r}. `provider client list` shows those there are.")
    return client


def _find_active(session: Session, name: str) -> Client:
    """Find a client that is not revoked, to add a key to it. Its expired keys are deleted."""
    client = _find(session, name)
    if client.revoked_at:
        raise ConfigurationError(f"Client {name!r} is revoked. Create another one.")
    now = datetime.now(UTC)
    client.credentials[:] = [key for key in client.credentials if key.expires_at is None or key.expires_at > now]
    return client


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ConfigurationError(f"{error}. Write a network like 203.0.113.0/24.") from None


def _redirect_uri(text: str) -> str:
    """Refuse an address that a code must not be sent to (RFC 6749 section 3.1.2, RFC 9700 section 2.1)."""
    if not is_trustworthy(text) or "@" in urlsplit(text).netloc or not _URI.fullmatch(text):
        raise ConfigurationError(
            f"{text!r} cannot be a redirect address. Give one that begins with https://, without #."
        )
    return text
