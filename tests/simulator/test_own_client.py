"""Our own client of Pango's ingest, with nothing but the settings the simulator prints."""

import orjson
import pytest
from pretend import people

from provider.ingestion.pango.pango_client import PangoClient
from provider.settings import Settings


@pytest.fixture
def client_of(monkeypatch):
    """Make our client from what a simulator printed."""
    clients = []

    def make(command):
        for name, value in command.settings.items():
            monkeypatch.setenv(name, value)
        clients.append(PangoClient(Settings.from_environment()))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def send(client, records):
    """Send records; give the answer."""
    return client.send(
        "customer-identity", orjson.dumps(records), members={"source": "CRM"}, init_data=False, take_permit=None
    )


@pytest.mark.parametrize("auth", ["v1", "v2"])
def test_it_ingests(run, client_of, partner_of, auth):
    """By either authentication our client's records are taken and stored, and a bad one is refused with its field."""
    client = client_of(command := run("--port", "0", "--auth", auth, "--delay", "0"))
    assert send(client, people(50)).outcome == "accepted"
    refused = send(client, [*people(2), {"customerId": "C3", "phone": 5}])
    assert (refused.outcome, refused.message) == ("refused", "Invalid value of: phone")
    assert partner_of(command).stored(50) == {"count": 50, "refIds": 50, "received": 50}


def test_it_waits_as_long_as_it_is_told(run, client_of):
    """Refused by a full window, our client reads how long to wait."""
    client = client_of(run("--port", "0", "--speed-up", "0.01"))
    answers = [send(client, people(1)) for _ in range(51)]
    assert [answer.outcome for answer in answers] == ["accepted"] * 50 + ["limited"]
    assert 1 < answers[-1].retry_after <= 100
