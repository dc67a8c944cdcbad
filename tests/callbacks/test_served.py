"""Callbacks and webhooks through the real server: chunked bodies, odd bytes, two workers, a restart, and the log."""

import httpx2
import orjson
import pytest
from support import Server, eventually, failure, fill, open_clients, raw_answer, record

KEY = "key-agreed-for-callbacks"
URL = "/v1/callbacks/ingestion"
EVENT = {"phone": "0359677657", "email": "dee@bytetech.io"}

HANDLERS = '''
"""Handlers that write down what they did."""

import os
import threading
from pathlib import Path


def note(payload):
    with Path("handled.txt").open("a") as file:
        file.write(f"{payload['number']} {os.getpid()}\\n")


def fail(payload):
    raise LookupError(f"nobody has {payload['phone']}")


def hang(payload):
    Path("hanging.txt").touch()
    threading.Event().wait()


handlers = {"note": note, "fail": fail, "hang": hang}
'''


@pytest.fixture
def folder(tmp_path, migrated_database, sample_data):
    """Fill a working folder, with a package that has handlers."""
    package = fill(tmp_path, migrated_database, sample_data) / "served"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_webhooks.py").write_text(HANDLERS)
    return tmp_path


@pytest.fixture
def start(folder):
    """Start servers over the folder, that stop with the test; give the server and an HTTP client with a key."""
    opened = []

    def start(*options, **variables):
        server = Server(folder, *options, PROVIDER_CALLBACK_API_KEYS=f"another,{KEY}", **variables)
        opened.append(server.kill)
        with open_clients(folder) as clients:
            key = clients.create(f"pango-{server.port}", {}).api_key
        client = httpx2.Client(base_url=server.url, headers={"token-key": key})
        opened.append(client.close)
        return server, client

    yield start
    for end in opened:
        end()


def handled(folder):
    """Read which webhooks were handled, and by which process."""
    file = folder / "handled.txt"
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


def test_bodies_in_chunks_and_odd_bytes(start):
    """A body sent in chunks has the same limit as one with a length; odd bytes in the key are refused."""
    server, client = start()
    headers = {"ApiKey": KEY, "Checksum": "sum"}
    body = orjson.dumps({"data": {f"ref-{number}": {"status": 200, "cdpId": "c" * 50} for number in range(1000)}})

    def chunks(whole):
        return (whole[at : at + 50_000] for at in range(0, len(whole), 50_000))

    assert len(body) > 64 * 1024
    assert record(client.post(URL, content=chunks(body), headers=headers)) == {"records": 1000}
    assert record(client.post(URL, content=chunks(body.ljust(1024 * 1024)), headers=headers)) == {"records": 1000}
    large = client.post(URL, content=chunks(body.ljust(1024 * 1024 + 1)), headers=headers)
    assert "1 MiB" in failure(large, "PayloadTooLarge", 413)["message"]
    large = client.post("/v1/webhooks/any", content=chunks(b"{}".ljust(1024 * 1024 + 1)))
    failure(large, "PayloadTooLarge", 413)
    for odd in (b"\xff\xfe", KEY.encode() + b"\xe9", b"another,another"):
        request = b"POST " + URL.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nApiKey: " + odd
        status, sent, _ = raw_answer(server.port, request + b"\r\nConnection: close\r\n\r\n{}")
        assert (status, sent["www-authenticate"]) == (401, 'ApiKey realm="callbacks", header="ApiKey"')


def test_the_log_holds_no_personal_data(start):
    """The log counts and names kinds of errors; keys, refIds, payloads and the texts of errors stay out of it."""
    server, client = start(PROVIDER_DATASETS="served")
    data = {"ref-of-lan": {"status": 101, "errorMess": "lan@example.com"}}
    headers = {"ApiKey": KEY, "Checksum": "sum-of-lan"}
    record(client.post(URL, json={"data": data}, headers=headers))
    record(client.post("/v1/webhooks/fail", json=EVENT))
    (line,) = eventually(lambda: [line for line in server.log() if line["event"] == "webhook not handled"])
    assert (line["webhook"], line["error"], line["attempt"], line["again"]) == ("fail", "LookupError", 1, True)
    (line,) = [line for line in server.log() if line["event"] == "callback"]
    assert (line["records"], line["stored"]) == (1, 0)
    for text in ("of-lan", "lan@example.com", *EVENT.values(), KEY):
        assert text not in server.output


def test_two_workers_share_the_webhooks(start, folder):
    """Of two worker processes, and whichever took a webhook in, exactly one handles it."""
    _, client = start("--workers", "2", PROVIDER_DATASETS="served")
    for number in range(40):
        record(client.post("/v1/webhooks/note", json={"number": number}))
    eventually(lambda: len(handled(folder)) >= 40)
    assert sorted(int(number) for number, _ in handled(folder)) == list(range(40))


def test_what_waited_is_handled_after_a_restart(start, folder):
    """Webhooks that were taken in before there was a handler are handled by the next start, without being asked."""
    server, client = start()
    for number in range(3):
        record(client.post("/v1/webhooks/note", json={"number": number}))
    server.process.kill()
    server.process.wait()
    start(PROVIDER_DATASETS="served")
    eventually(lambda: len(handled(folder)) == 3)


def test_a_hanging_handler_does_not_keep_the_service_from_ending(start, folder):
    """The service ends in time while a handler hangs, and answers until then."""
    server, client = start(PROVIDER_DATASETS="served")
    record(client.post("/v1/webhooks/hang", json={}))
    eventually((folder / "hanging.txt").exists)
    record(client.post("/v1/webhooks/note", json={"number": 1}))
    client.close()
    assert server.stop() == 0
