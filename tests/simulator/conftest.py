"""A simulator in this process on a port of its own, and the real command."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from pretend import CREDENTIALS, Command, Partner

from provider.proof.simulator.accounts import PangoCredentials
from provider.proof.simulator.http_server import open_server
from provider.proof.simulator.pango import Behaviour, Pango
from provider.proof.simulator.simulator_app import create_simulator


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[..., Partner]]:
    """Start a simulator in place of the one before; give a partner, with a token unless there are faults."""
    running: list[tuple[Pango, Any, Thread, httpx2.Client]] = []

    def stop() -> None:
        while running:
            pango, server, thread, http = running.pop()
            http.close()
            server.shutdown()
            thread.join()
            pango.stop()

    def start(**chosen: Any) -> Partner:
        stop()
        pango = Pango(Behaviour(**{"state": tmp_path / "simulator.db", "delay": 0.0} | chosen), CREDENTIALS)
        server = open_server(create_simulator(pango), "127.0.0.1", 0)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        http = httpx2.Client(timeout=20, trust_env=False)
        running.append((pango, server, thread, http))
        pango.start()
        thread.start()
        partner = Partner(f"http://127.0.0.1:{server.port}", CREDENTIALS, http)
        if "rates" not in chosen:
            partner.authenticate()
        return partner

    yield start
    stop()


@pytest.fixture
def partner(simulate: Callable[..., Partner]) -> Partner:
    """Give a partner of a simulator without faults."""
    return simulate()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start the command; none is left running."""
    started = []

    def start(*options: str) -> Command:
        started.append(Command(tmp_path, *options))
        return started[-1]

    yield start
    for command in started:
        command.kill()


@pytest.fixture
def partner_of() -> Iterator[Callable[[Command], Partner]]:
    """Give a partner who has only the settings a command printed: with those of version 2, one who can just look."""
    clients = []

    def make(command: Command) -> Partner:
        names = {"USERNAME": "username", "API_KEY": "api_key", "GROUP_KEY": "group_key"}
        own = {field: command.settings.get(f"PROVIDER_PANGO_{name}", "") for name, field in names.items()}
        clients.append(httpx2.Client(timeout=20, trust_env=False))
        return Partner(command.url, PangoCredentials(**own), clients[-1])

    yield make
    for client in clients:
        client.close()
