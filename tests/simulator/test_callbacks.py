"""Callbacks: each record's outcome arrives, in the documented shape."""

from dataclasses import dataclass
from threading import Thread

import orjson
import pytest
from flask import Flask, request
from pretend import PERSON, people
from support import eventually
from werkzeug.datastructures import Headers

from provider.proof.simulator.faults import Rates
from provider.proof.simulator.http_server import open_server


@dataclass
class Received:
    """A callback as it came."""

    headers: Headers
    body: bytes

    @property
    def results(self):
        """The results it carries, by refId."""
        return orjson.loads(self.body)["data"]


class Receiver:
    """A partner's callback address, which answers with the statuses it is given first, and then with 200."""

    def __init__(self):
        """Start it."""
        self.received, self.statuses = [], []
        app = Flask("receiver")
        app.add_url_rule("/v1/callbacks/ingestion", view_func=self.receive, methods=["POST"])
        self.server = open_server(app, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.port}/v1/callbacks/ingestion"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def receive(self):
        """Keep a callback and answer it."""
        self.received.append(Received(Headers(request.headers), request.get_data()))
        return {"success": True}, self.statuses.pop(0) if self.statuses else 200

    def results(self):
        """Give all results so far, by refId."""
        return {ref: result for received in self.received for ref, result in received.results.items()}

    def stop(self):
        """Stop it."""
        self.server.shutdown()
        self.thread.join()


@pytest.fixture
def receiver():
    """Give a callback address."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


def test_stored_records_are_reported(simulate, receiver):
    """After the delay, a POST with the partner's key reports for each refId that it is stored, and its cdpId."""
    partner = simulate(callback_url=receiver.url)
    partner.ingest([PERSON])
    partner.ingest([{"momCode": "M-1", "refId": "R/1"}, {"momCode": "M-1", "refId": "R2"}], "custom-model")
    eventually(lambda: len(receiver.results()) == 3)
    headers, results = receiver.received[0].headers, receiver.results()
    assert headers["Content-Type"] == "application/json"
    assert headers["ApiKey"] == "key of the callbacks"
    assert headers["Checksum"].startswith("pretend-")
    assert set(results) == {"C1", "R/1", "R2"}
    assert all(set(result) == {"status", "cdpId"} and result["status"] == 200 for result in results.values())
    assert len({result["cdpId"] for result in results.values()}) == 3
    partner.ingest([PERSON | {"fullName": "Lan"}])
    eventually(lambda: sum("C1" in received.results for received in receiver.received) == 2)
    assert receiver.results()["C1"] == results["C1"]


def test_rejected_records_are_reported(simulate, receiver):
    """A record that is rejected is not stored, and is reported with the one failure that is documented."""
    partner = simulate(callback_url=receiver.url, rates=Rates(reject=1))
    partner.authenticate()
    assert partner.ingest(people(3)).status_code == 200
    eventually(lambda: len(receiver.results()) == 3)
    assert receiver.received[0].body == orjson.dumps(
        {"data": {f"C{number}": {"status": 101, "errorMess": "Missing momCode"} for number in range(3)}}
    )
    assert partner.count() == {"count": 0, "refIds": 0, "received": 3}


def test_a_part_may_be_rejected(simulate, receiver):
    """With a rate between, each record is either stored or reported as failed."""
    partner = simulate(callback_url=receiver.url, rates=Rates(reject=0.5), seed=1)
    partner.authenticate()
    for number in range(4):
        partner.ingest(people(50, number * 50))
    eventually(lambda: len(receiver.results()) == 200)
    stored = sum(result["status"] == 200 for result in receiver.results().values())
    assert 60 < stored < 140
    assert partner.count() == {"count": stored, "refIds": stored, "received": 200}


def test_a_callback_is_tried_again(simulate, receiver):
    """A callback that is refused comes again with the same results, until it is taken."""
    receiver.statuses = [500, 503]
    partner = simulate(callback_url=receiver.url, speed_up=100)
    partner.ingest([PERSON])
    eventually(lambda: len(receiver.received) == 3)
    assert len({received.body for received in receiver.received}) == 1
    eventually(lambda: "0 for their callback" in partner.get("").text)


def test_a_callback_is_given_up(simulate, receiver):
    """After five attempts a callback is given up, and the next one has its turn."""
    receiver.statuses = [500] * 5
    partner = simulate(callback_url=receiver.url, speed_up=1000)
    partner.ingest([PERSON])
    eventually(lambda: "given up" in partner.get("").text)
    partner.ingest(people(1, 7))
    eventually(lambda: "C7" in receiver.results())
    assert len(receiver.received) == 6


def test_results_are_sent_together(simulate, receiver):
    """Results that wait are sent together, at most a thousand refIds in a callback."""
    receiver.statuses = [500]
    partner = simulate(callback_url=receiver.url)
    for number in range(30):
        partner.ingest(people(50, number * 50))
    eventually(lambda: len(receiver.results()) == 1500)
    assert 50 < max(len(received.results) for received in receiver.received) <= 1000


def test_pending_callbacks_survive(run, partner_of, receiver):
    """Killed before the callback, it calls back after the next start."""
    options = ("--port", "0", "--delay", "0", "--callback-url")
    command = run(*options, "http://127.0.0.1:1/")
    partner = partner_of(command)
    partner.authenticate()
    partner.ingest([PERSON])
    partner.stored(1)
    command.kill()
    command = run(*options, receiver.url)
    eventually(lambda: "C1" in receiver.results())
    assert receiver.received[0].headers["ApiKey"] == command.settings["PROVIDER_CALLBACK_API_KEYS"]
