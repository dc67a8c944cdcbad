"""What the token tests start from: real servers over one database, and a partner's console as an OAuth client."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from support import Server

from provider.auth.clients import Clients
from provider.cli.database import upgrade_database
from provider.settings import Settings
from provider.store.engine import open_database

SECRET_KEY = "a secret key for tests, of forty characters"
CALLBACK = "https://console.example/callback"


@dataclass
class Installation:
    """A provider database, its clients, and the servers that run over it."""

    settings: Settings
    clients: Clients
    servers: list[Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where its first server answers."""
        return self.servers[0].url


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory, sample_data: str) -> Iterator[Callable[..., Installation]]:
    """Make an installation over the sample shop, with some servers of one worker each; they stop with the module.

    Without a `database_url` it has a SQLite file of its own; settings are given by the names of their variables.
    """
    with ExitStack() as stack:

        def install(*, servers: int = 1, database_url: str = "", **variables: str) -> Installation:
            folder = tmp_path_factory.mktemp("installation")
            settings = Settings(database_url=database_url or f"sqlite:///{folder}/provider.db", secret_key=SECRET_KEY)
            upgrade_database(settings)
            engine = open_database(settings)
            stack.callback(engine.dispose)
            installation = Installation(settings, Clients(engine, settings))
            for _ in range(servers):
                server = Server(
                    folder,
                    PROVIDER_DATABASE_URL=settings.database_url,
                    PROVIDER_SECRET_KEY=SECRET_KEY,
                    PROVIDER_SOURCE_DEMO_URL=sample_data,
                    **variables,
                )
                stack.callback(server.kill)
                installation.servers.append(server)
            return installation

        yield install


@dataclass(frozen=True)
class Pkce:
    """A proof key: what only the client knows, and what it shows at the start (RFC 7636)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """The verifier's SHA-256, the S256 way."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def asked(self, client_id: str, **more: Any) -> dict[str, str]:
        """Give the parameters of an authorization request; None leaves one out."""
        parameters = {
            "response_type": "code",
            "client_id": client_id,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "state": "a state of the client's",
        }
        return {name: value for name, value in {**parameters, **more}.items() if value is not None}
