"""The log: JSON lines with ids and without personal data, whatever was sent."""

import json
import logging
import sys
from urllib.parse import quote

import httpx2
import pytest
from support import Server, eventually, form, open_clients, raw_answer

from provider.log import JsonFormatter

PHONE = "0987123654"
EMAIL = "tuyen.nguyen@private.example.com"
VOUCHERS = "/v1/data/voucher"


@pytest.fixture(scope="module")
def secret_key(server_folder):
    """Issue a key that must not be found in the log."""
    with open_clients(server_folder) as clients:
        return clients.create("discreet", {}).api_key


def lines_of(server, request_id):
    """Wait for the lines of one request."""
    return eventually(lambda: [line for line in server.log() if line.get("request_id") == request_id])


def test_every_request_is_one_json_line(server, key):
    """A request leaves one line: its id, method, route, dataset, client, status, code and time, and no more."""
    answer = httpx2.get(f"{server.url}{VOUCHERS}?phone={PHONE}", headers={"token-key": key})
    (line,) = lines_of(server, answer.headers["X-Request-ID"])
    assert set(line) == {
        "request_id", "method", "route", "dataset", "client", "status", "code", "milliseconds",
        "event", "level", "time",
    }  # fmt: skip
    assert (line["method"], line["route"], line["dataset"]) == ("GET", "/v1/data/<dataset>", "voucher")
    assert (line["client"], line["status"], line["code"]) == ("pango", 200, "NotFound")
    assert (line["event"], line["level"]) == ("request", "info")
    assert line["time"].endswith("Z")
    assert line["milliseconds"] >= 0


def test_a_fault_says_where_it_happened(server, key):
    """A fault of a dataset leaves a line with the kind of error and the place in the code, under the request's id."""
    answer = httpx2.post(f"{server.url}/v1/data/faulty", headers={"token-key": key}, json={"phone": PHONE})
    assert answer.status_code == 500
    lines = eventually(
        lambda: [*found] if len(found := lines_of(server, answer.headers["X-Request-ID"])) == 2 else None
    )
    fault, request = lines
    assert (fault["event"], fault["level"], fault["error"]) == ("fault", "error", "LookupError")
    assert any("served/faulty.py" in place and place.endswith(" fetch") for place in fault["at"])
    assert (request["status"], request["code"]) == (500, "InternalError")


def test_a_request_keeps_the_callers_id(server, key):
    """A proper X-Request-ID is the request's id in answer and log; anything else is replaced."""
    own = "a1b2c3d4-0000-4000-8000-1a2b3c4d5e6f"
    httpx2.get(f"{server.url}{VOUCHERS}", headers={"token-key": key, "X-Request-ID": own})
    assert lines_of(server, own)


def ask_in_every_way(server: Server, key: str) -> None:
    """Send a phone, an email and a key in every place of a request there is."""
    headers = {"token-key": key}
    both = {"phone": PHONE, "email": EMAIL}
    written = [
        PHONE,
        f"+84{PHONE[1:]}",
        f"84{PHONE[1:]}",
        f"+84 {PHONE[1:4]} {PHONE[4:7]} {PHONE[7:]}",
        EMAIL,
        EMAIL.upper(),
    ]
    data, kind = form(both)
    with httpx2.Client(base_url=server.url, headers=headers) as http:
        for dataset in ("voucher", "faulty", "nothing", quote(PHONE), quote(EMAIL), quote(key)):
            address = f"/v1/data/{dataset}"
            http.get(address, params=both)
            http.post(address, params=both)
            http.post(address, json=both)
            http.post(address, data=both)
            http.post(address, content=data, headers={"Content-Type": kind})
            http.put(address, json=both)
            http.post(address, content=f'{{"phone": "{PHONE}", {EMAIL}', headers={"Content-Type": "application/json"})
            http.post(address, content=f"{PHONE} {EMAIL}", headers={"Content-Type": f"text/{PHONE}"})
            http.post(address, content=f"{PHONE} {EMAIL} {key}" * 5000, headers={"Content-Type": "application/json"})
        for text in [*written, key]:
            for name in (
                "X-Request-ID",
                "User-Agent",
                "Referer",
                "Cookie",
                "Authorization",
                "X-Forwarded-For",
                "Origin",
            ):
                http.get(VOUCHERS, headers={name: text})
            http.get(VOUCHERS, params={text: text, "phone": text})
            http.get(f"/{quote(text)}/{quote(text)}?{quote(text)}")
            http.post(VOUCHERS, json={"phone": f"{text}x", "email": f"{text}@", text: text})
            http.request("OPTIONS", f"/v1/data/{quote(text)}")
            http.get(VOUCHERS, params=both, headers={"token-key": text})
            http.get(VOUCHERS, params=both, headers={"token-key": f"{key}x"})
        http.get(VOUCHERS, params={"phone": f"{PHONE}\x00"})
        http.get(f"{VOUCHERS}?phone={PHONE}%ff&email={EMAIL}")
    for request in (
        f"GET {VOUCHERS}?phone={PHONE} HTTP/9.9\r\n\r\n",
        f"GET {VOUCHERS}?phone={PHONE}&email={EMAIL} {key}\r\n\r\n",
        f"{EMAIL} / HTTP/1.1\r\n\r\n",
        f"POST {VOUCHERS} HTTP/1.1\r\nHost: {PHONE}\r\nContent-Length: {PHONE}x\r\n\r\n{EMAIL}",
        f"POST {VOUCHERS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{PHONE}\r\n{EMAIL}",
        f"GET / HTTP/1.1\r\n{EMAIL} {PHONE}: {key}\r\n\r\n",
    ):
        try:
            raw_answer(server.port, request.encode())
        except (OSError, IndexError):
            continue  # the server may close such a connection without a word


def test_nobodys_data_is_in_the_log(server_folder, secret_key):
    """Neither a phone in any form, nor an email, nor a key is in the log, wherever in a request they were sent."""
    server = Server(server_folder, PROVIDER_DATASETS="served")
    try:
        ask_in_every_way(server, secret_key)
        last = httpx2.get(f"{server.url}/healthz").headers["X-Request-ID"]
        lines_of(server, last)
    finally:
        server.kill()
    assert len(server.log()) > 150
    assert {line["event"] for line in server.log()} >= {"request", "fault"}
    _, key_id, secret = secret_key.split("_")
    logged = server.output.lower()
    for private in (PHONE, PHONE[1:], EMAIL, quote(EMAIL), "private.example", secret_key, secret, key_id):
        assert private.lower() not in logged


def test_an_error_of_a_library_is_told_without_its_words():
    """An error that a library logs is one JSON line with its kind and place, and nothing it quotes."""
    try:
        raise ValueError(PHONE)  # noqa: TRY301 -- with its traceback, as libraries log it
    except ValueError:
        told = logging.LogRecord("library", logging.ERROR, "", 1, f"Exception on /{PHONE}", None, sys.exc_info())
    line = json.loads(JsonFormatter().format(told))
    assert (line["event"], line["error"], line["logger"]) == ("error in a library", "ValueError", "library")
    assert "test_log.py" in line["at"][0]
    assert PHONE not in str(line)


def test_an_id_with_a_phone_in_it_is_replaced(server, key):
    """An X-Request-ID made of personal data is not kept: the id in answer and log is another one."""
    sent = f"request-of-{PHONE}"
    answer = httpx2.get(f"{server.url}{VOUCHERS}", headers={"token-key": key, "X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] != sent


def test_a_method_with_a_phone_in_it_is_not_logged(server):
    """A method nobody knows, which may be any word, is not logged as it came."""
    before = len(server.log())
    raw_answer(server.port, f"P{PHONE} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    eventually(lambda: len(server.log()) > before)
    assert PHONE not in server.output
