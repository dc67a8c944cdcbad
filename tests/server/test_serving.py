"""The production server: lookups over the network, bodies of all sizes, start and stop."""

import json
import subprocess
from collections.abc import Iterator

import httpx2
import pytest
from services import require_program
from support import (
    EMAIL,
    PATIENCE_SECONDS,
    PHONE,
    VOUCHER,
    Server,
    environment,
    eventually,
    failure,
    free_port,
    open_clients,
    provider,
    raw_answer,
    record,
)

from provider.app import BODY_LIMIT

VOUCHERS = "/v1/data/voucher"


@pytest.fixture
def http(server: Server, key: str) -> Iterator[httpx2.Client]:
    """Give an HTTP client that keeps its connection and sends a valid key."""
    with httpx2.Client(base_url=server.url, headers={"token-key": key}) as client:
        yield client


def in_chunks(body, size=8000):
    """Send a body without telling its length."""
    return (body[start : start + size] for start in range(0, len(body), size))


def test_lookups_over_the_network(http):
    """GET and POST, with query, JSON and form, find the person, one after the other on one connection."""
    for answer in (
        http.get(VOUCHERS, params={"phone": "+84 359 677 657"}),
        http.get(f"{VOUCHERS}?phone=+84359677657"),
        http.post(VOUCHERS, json={"email": EMAIL.upper()}),
        http.post(VOUCHERS, data={"phone": PHONE}),
        http.post(VOUCHERS, files={"phone": (None, PHONE)}),
        http.post(VOUCHERS, params={"phone": PHONE}),
    ):
        assert record(answer) == VOUCHER


def test_errors_over_the_network(http, server):
    """Errors keep their envelope, their status and their headers on the way through the server."""
    failure(http.get("/nothing"), "UnknownDataset", 404)
    answer = http.put(VOUCHERS)
    failure(answer, "MethodNotAllowed", 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    answer = httpx2.get(f"{server.url}{VOUCHERS}")
    failure(answer, "Unauthorized", 401)
    assert answer.headers["WWW-Authenticate"]
    failure(http.post(VOUCHERS, content=b"{", headers={"Content-Type": "application/json"}), "InvalidRequest", 400)
    failure(http.post("/v1/data/faulty", json={"phone": PHONE, "email": EMAIL}), "InternalError", 500)
    assert record(http.get(VOUCHERS, params={"phone": PHONE})) == VOUCHER


def test_no_call_is_lost_after_an_error(server, key):
    """A caller that keeps its connections gets an answer to every call, whatever the errors before it were."""
    with httpx2.Client(base_url=server.url) as kept:
        for number in range(40):
            body = {"phone": PHONE, "padding": "x" * 1000 * number}
            failure(kept.post(VOUCHERS, json=body), "Unauthorized", 401)
            failure(kept.put(VOUCHERS, json=body), "MethodNotAllowed", 405)
            failure(kept.post("/nothing", json=body), "UnknownDataset", 404)
            assert record(kept.post(VOUCHERS, json=body, headers={"token-key": key})) == VOUCHER


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_is_read_up_to_its_limit(http, kind, chunked):
    """A body of 64 KiB is served and one of a byte more is 413, in chunks as with its length announced."""
    start, end = (b'{"phone": "0359677657", "x": "', b'"}') if "json" in kind else (b"phone=0359677657&x=", b"")
    body = start + b"x" * (BODY_LIMIT - len(start) - len(end)) + end
    assert len(body) == BODY_LIMIT
    for sent, fits in ((body, True), (body + b" ", False), (body * 5, False)):
        content = in_chunks(sent) if chunked else sent
        answer = http.post(VOUCHERS, content=content, headers={"Content-Type": kind})
        if fits:
            assert record(answer) == VOUCHER
        else:
            failure(answer, "PayloadTooLarge", 413)


def test_a_body_too_large_is_refused_before_it_is_sent(server, key):
    """413 comes on the announcement of a length alone: nobody waits for the body."""
    head = (
        f"POST {VOUCHERS} HTTP/1.1\r\nHost: x\r\ntoken-key: {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {10**12}\r\nConnection: close\r\n\r\n"
    )
    status, _, body = raw_answer(server.port, head.encode())
    assert (status, json.loads(body)["errorCode"]) == (413, "PayloadTooLarge")


def test_head_has_no_body_on_the_wire(server, key):
    """HEAD sends the headers of GET and not a byte more."""
    rest = f"{VOUCHERS}?phone={PHONE} HTTP/1.1\r\nHost: x\r\ntoken-key: {key}\r\nConnection: close\r\n\r\n"
    answers = [raw_answer(server.port, f"{method} {rest}".encode()) for method in ("GET", "HEAD")]
    (status, headers, body), (head_status, head_headers, head_body) = answers
    assert (status, head_status) == (200, 200)
    assert json.loads(body)["data"] == VOUCHER
    assert head_body == b""
    for name in ("content-type", "content-length", "cache-control"):
        assert head_headers[name] == headers[name]


@pytest.mark.parametrize(
    "path", [b"/v1/data/\xff\xfe", b"/v1/data/%00", b"/v1/data/%ff", b"//v1/data/voucher", b"/%2e%2e/x"]
)
def test_odd_addresses_on_the_wire_are_refused(server, key, path):
    """Bytes that are no address are refused, and the server goes on."""
    request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\ntoken-key: " + key.encode() + b"\r\nConnection: close\r\n\r\n"
    assert raw_answer(server.port, request)[0] in {400, 404}
    assert httpx2.get(f"{server.url}/healthz").status_code == 200


def test_letters_need_no_encoding(server, key):
    """A query whose letters are sent as plain UTF-8, as some callers do, is read like an encoded one."""
    digits = PHONE.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    request = (
        f"GET {VOUCHERS}?tên=Đà&phone={digits} HTTP/1.1\r\nHost: x\r\ntoken-key: {key}\r\nConnection: close\r\n\r\n"
    )
    status, _, body = raw_answer(server.port, request.encode())
    assert (status, json.loads(body)["data"]) == (200, VOUCHER)


def test_bad_bytes_in_a_header_are_refused(server):
    """A key of bytes that are no text is an enveloped 401."""
    request = f"GET {VOUCHERS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntoken-key: ".encode() + b"\xff\xfe\r\n\r\n"
    status, headers, body = raw_answer(server.port, request)
    assert (status, json.loads(body)["errorCode"]) == (401, "Unauthorized")
    assert headers["www-authenticate"]


def test_health_over_the_network(server):
    """/healthz and /readyz answer without a key; readyz names each database."""
    assert httpx2.get(f"{server.url}/healthz").json() == {"status": "ok"}
    ready = httpx2.get(f"{server.url}/readyz")
    assert (ready.status_code, ready.json()["databases"]) == (200, {"provider": "ok", "source demo": "ok"})


def test_a_revocation_is_felt_by_a_running_server(server, server_folder):
    """A key that is revoked beside the running server is refused by it soon after, in its owner's envelope."""
    with open_clients(server_folder) as clients:
        issued = clients.create("short-lived", {"data_key": "body"})
        ask = {"params": {"phone": PHONE}, "headers": {"token-key": issued.api_key}}
        assert httpx2.get(f"{server.url}{VOUCHERS}", **ask).json()["body"] == VOUCHER
        assert eventually(lambda: [key for key in clients.get("short-lived").credentials if key.last_used_at])
        clients.revoke("short-lived")
    answer = eventually(
        lambda: refused if (refused := httpx2.get(f"{server.url}{VOUCHERS}", **ask)).status_code == 401 else None
    )
    assert "revoked" in answer.json()["message"]
    assert answer.json()["body"] == {}


def test_demo_serve_and_paste(tmp_path):
    """After `provider demo`, `provider serve` on PORT answers each curl line the demo printed, pasted as it is."""
    require_program("curl")
    port = free_port()
    printed = provider("demo", cwd=tmp_path, PORT=str(port)).stdout
    lines = [line for line in printed.splitlines() if line.startswith("curl ")]
    assert len(lines) == 6
    expected = {"voucher": "E094", "customer": "M0000", "birthday-gift": "Vàng"}
    server = Server(tmp_path, port=port)
    try:
        for line in lines:
            done = subprocess.run(
                line, shell=True, capture_output=True, check=True, env=environment(), timeout=PATIENCE_SECONDS
            )
            answer = json.loads(done.stdout)
            assert answer["success"] is True
            (known,) = [value for name, value in expected.items() if f"/v1/data/{name}" in line]
            assert known in answer["data"].values()
    finally:
        server.kill()
