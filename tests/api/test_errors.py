"""Every error is inside the envelope, in the caller's own keys whenever the credentials tell who that is."""

import io
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from support import EMAIL, PHONE, VOUCHER, Deployment, envelope_of, failure, form, record
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from provider.app import BODY_LIMIT
from provider.auth.keys import API_KEY, CLIENT_SECRET, make_key
from provider.contract.envelope import Envelope
from provider.errors import InternalError, SourceUnavailable, UnknownDataset

OWN_NAMES = {"success_key": "isSuccess", "data_key": "body", "message_key": "msg", "error_code_key": "responseCode"}
OWN = Envelope(**OWN_NAMES)
VOUCHERS = "/v1/data/voucher"
ASK = f"{VOUCHERS}?phone={PHONE}"
METHODS = "GET, HEAD, OPTIONS, POST"


@pytest.fixture
def known(deployment: Deployment) -> FlaskClient:
    """Give an HTTP client whose key belongs to a client with envelope keys of its own."""
    return deployment.asking(deployment.issue(**OWN_NAMES).api_key)


@pytest.fixture
def nobody(deployment: Deployment) -> FlaskClient:
    """Give an HTTP client without a key."""
    return deployment.asking()


class Unread:
    """A body that fails the test when it is read."""

    def read(self, size: int = -1) -> bytes:
        """Fail."""
        raise AssertionError(f"{size} bytes of the body were read")


def stream(client, body, kind, length=None):
    """POST a body as the server hands it over: a stream, whose length may be unknown as in chunks."""
    environ = create_environ(VOUCHERS, method="POST", content_type=kind)
    environ |= {"wsgi.input": body, "wsgi.input_terminated": True}
    environ.pop("CONTENT_LENGTH", None)
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return client.open(Request(environ))


ERRORS = {
    "missing identifier": ("GET", VOUCHERS, {}, "MissingIdentifier", 400),
    "invalid phone": ("GET", f"{VOUCHERS}?phone=12", {}, "InvalidPhone", 400),
    "invalid email": ("GET", f"{VOUCHERS}?email=dee", {}, "InvalidEmail", 400),
    "malformed JSON": ("POST", VOUCHERS, {"data": b"{", "content_type": "application/json"}, "InvalidRequest", 400),
    "nobody": ("GET", f"{VOUCHERS}?phone=0399999999", {}, "NotFound", 200),
    "unknown dataset": ("GET", "/v1/data/nothing", {}, "UnknownDataset", 404),
    "unknown address": ("GET", "/nothing", {}, "UnknownDataset", 404),
    "root": ("GET", "/", {}, "UnknownDataset", 404),
    "method": ("DELETE", VOUCHERS, {}, "MethodNotAllowed", 405),
    "method on health": ("POST", "/healthz", {}, "MethodNotAllowed", 405),
    "too large": ("POST", VOUCHERS, {"data": b"x" * (BODY_LIMIT + 1)}, "PayloadTooLarge", 413),
    "media type": ("POST", VOUCHERS, {"data": b"x", "content_type": "text/xml"}, "UnsupportedMediaType", 415),
}
errors = pytest.mark.parametrize(("method", "path", "sent", "code", "status"), ERRORS.values(), ids=ERRORS)


@errors
def test_an_error_is_in_the_callers_own_keys(known, method, path, sent, code, status):
    """With a valid key, every error has exactly the keys of the key's owner, whatever the request was."""
    failure(known.open(path, method=method, **sent), code, status, OWN)


@errors
def test_an_error_for_a_stranger_is_in_the_deployments_keys(nobody, method, path, sent, code, status):
    """Without a key, every error has the deployment's keys; a data address that takes the method says 401 first."""
    if path.startswith("/v1/data/") and method in METHODS:
        code, status = "Unauthorized", 401
    failure(nobody.open(path, method=method, **sent), code, status)


@pytest.mark.parametrize("ended", ["revoked client", "revoked key", "expired"])
@pytest.mark.parametrize(("method", "path"), [("GET", ASK), ("GET", "/nothing"), ("PUT", VOUCHERS), ("POST", VOUCHERS)])
def test_a_key_that_has_ended_still_tells_whose_envelope_it_is(deployment, ended, method, path):
    """The error about a revoked or expired key, or about anything else sent with it, is in its owner's own keys."""
    issued = deployment.issue(**OWN_NAMES)
    later = timedelta(0)
    if ended == "revoked client":
        deployment.clients.revoke("pango")
    elif ended == "revoked key":
        deployment.clients.revoke("pango", issued.api_key.split("_")[1])
    else:
        deployment.clients.rotate("pango", timedelta(hours=1))
        later = timedelta(hours=2)
    with time_machine.travel(later, tick=True):
        answer = deployment.asking(issued.api_key).open(path, method=method)
    if path == "/nothing":
        failure(answer, "UnknownDataset", 404, OWN)
    elif method == "PUT":
        failure(answer, "MethodNotAllowed", 405, OWN)
    else:
        content = failure(answer, "Unauthorized", 401, OWN)
        assert ended.split()[0] in content["msg"]


def test_a_lacking_fixed_header_is_told_in_the_callers_own_keys(deploy):
    """A call with a valid key and without a required header is refused in the keys of the key's owner."""
    deployed = deploy(required_headers={"any-key": "x"})
    client = deployed.asking(deployed.issue(**OWN_NAMES).api_key)
    assert "any-key" in failure(client.get(ASK), "Unauthorized", 401, OWN)["msg"]


REFUSED_KEYS = {
    "none": None,
    "empty": "",
    "blank": "  ",
    "junk": "junk",
    "not ASCII": "khóa",
    "of another form": "pak_short",
    "client secret": make_key(CLIENT_SECRET).text,
    "very long": "pak_" + "a" * 10_000,
    "well formed and unknown": make_key(API_KEY).text,
}  # fmt: skip


@pytest.mark.parametrize("key", REFUSED_KEYS.values(), ids=REFUSED_KEYS)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("path", [ASK, "/v1/data/nothing"])
def test_401_carries_its_challenge(nobody, key, method, path):
    """Every 401 has WWW-Authenticate (RFC 9110 section 15.5.2), and says nothing of which datasets there are."""
    headers = {} if key is None else {"token-key": key.encode().decode("latin-1")}
    answer = nobody.open(path, method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'ApiKey realm="data", header="token-key"'
    if method != "HEAD":
        content = failure(answer, "Unauthorized", 401)
        assert content["message"] in {"Send your API key in the header token-key.", "The API key is not valid."}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "FOO"])
@pytest.mark.parametrize("dataset", ["voucher", "nothing"])
def test_405_says_which_methods_there_are(known, nobody, method, dataset):
    """405 has Allow with every method of the address (RFC 9110 section 15.5.6)."""
    for client, envelope in ((known, OWN), (nobody, Envelope())):
        answer = client.open(f"/v1/data/{dataset}", method=method)
        failure(answer, "MethodNotAllowed", 405, envelope)
        assert answer.headers["Allow"] == METHODS


def test_options_says_which_methods_there_are(nobody):
    """OPTIONS needs no key and answers Allow, without a body (RFC 9110 section 9.3.7)."""
    answer = nobody.options(VOUCHERS)
    assert answer.status_code == 200
    assert set(answer.headers["Allow"].split(", ")) == set(METHODS.split(", "))
    assert answer.data == b""


@pytest.mark.parametrize("path", [ASK, VOUCHERS, f"{VOUCHERS}?phone=0399999999", "/v1/data/nothing", "/healthz"])
def test_head_is_get_without_the_body(known, path):
    """HEAD has the status and the headers of GET, Content-Length included, and no body (RFC 9110 section 9.3.2)."""
    get, head = known.get(path), known.head(path)
    assert head.data == b""
    assert head.status_code == get.status_code
    for headers in (get.headers, head.headers):
        headers.pop("X-Request-ID")
    assert list(head.headers) == list(get.headers)
    assert int(head.headers["Content-Length"]) == len(get.data) > 0


BODIES = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
]


@pytest.mark.parametrize("size", [BODY_LIMIT + 1, BODY_LIMIT * 10, 10**15])
@pytest.mark.parametrize("kind", BODIES)
def test_413_comes_without_reading(known, size, kind):
    """A body announced as too large is refused before a byte of it is read."""
    failure(stream(known, Unread(), kind, size), "PayloadTooLarge", 413, OWN)


@pytest.mark.parametrize("kind", BODIES)
def test_413_comes_without_a_length_too(known, kind):
    """A body of unknown length is refused once it passes the limit, and is not read to its end."""
    endless = io.BytesIO(b"a" * BODY_LIMIT * 20)
    answer = stream(known, endless, kind)
    failure(answer, "PayloadTooLarge", 413, OWN)
    assert answer.headers["Connection"] == "close"
    assert endless.tell() < BODY_LIMIT * 3


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_up_to_the_limit_is_read(known, announced):
    """A body of exactly 64 KiB is served, and one of a byte more is not, with the length announced or not."""
    text = b'{"phone": "0359677657", "padding": "%s"}'
    body = text % (b"x" * (BODY_LIMIT - len(text) + 2))
    assert len(body) == BODY_LIMIT
    for sent, fits in ((body, True), (body + b" ", False)):
        answer = stream(known, io.BytesIO(sent), "application/json", len(sent) if announced else None)
        if fits:
            assert record(answer, OWN) == VOUCHER
        else:
            failure(answer, "PayloadTooLarge", 413, OWN)


@pytest.mark.parametrize(
    ("method", "path", "sent", "closes"),
    [
        ("PUT", VOUCHERS, {"json": {"phone": PHONE}}, True),
        ("POST", "/nothing", {"json": {"phone": PHONE}}, True),
        ("POST", "/v1/data/nothing", {"data": {"phone": PHONE}}, True),
        ("GET", VOUCHERS, {"json": {"phone": PHONE}}, True),
        ("POST", VOUCHERS, {"data": b"x" * (BODY_LIMIT + 1)}, True),
        ("POST", VOUCHERS, {"json": {"phone": "12"}}, False),
        ("POST", VOUCHERS, {"json": {"phone": "0399999999"}}, False),
        ("POST", VOUCHERS, {"data": b"{", "content_type": "application/json"}, False),
        ("POST", VOUCHERS, {"data": b"x", "content_type": "text/plain"}, False),
        ("POST", VOUCHERS, {"data": {"phone": "12"}}, False),
        ("POST", VOUCHERS, {"data": form({"phone": "12"})[0], "content_type": form({})[1]}, False),
        ("POST", VOUCHERS, {}, False),
        ("GET", "/nothing", {}, False),
    ],
)
def test_a_body_that_was_not_read_ends_the_connection(known, method, path, sent, closes):
    """An error that leaves a body unread says that the connection ends: the server cannot use it again."""
    answer = known.open(path, method=method, **sent)
    assert answer.status_code == 200 or envelope_of(answer, OWN)["isSuccess"] is False
    assert answer.headers.get("Connection") == ("close" if closes else None)


def test_a_hundred_thousand_brackets_are_too_much(known):
    """Absurdly nested JSON is refused: over the limit as too large, under it as no JSON."""
    for brackets, code, status in ((100_000, "PayloadTooLarge", 413), (60_000, "InvalidRequest", 400)):
        answer = known.post(VOUCHERS, data=b"[" * brackets, content_type="application/json")
        failure(answer, code, status, OWN)


def test_many_parts_of_a_form_are_too_much(known):
    """A multipart form of more parts than the reader admits is refused inside the envelope."""
    data, kind = form({f"p{number}": "" for number in range(1001)}, boundary="x")
    answer = known.post(VOUCHERS, data=data, content_type=kind)
    failure(answer, "PayloadTooLarge", 413, OWN)


PATHS = [
    "/v1/data/", "/v1/data", "/v1", "/v1/data/voucher/", "/v1/data//voucher", "//v1/data/voucher", "/V1/data/voucher",
    "/v1/data/Voucher", "/v1/data/voucher%20", "/v1/data/%2e%2e/healthz", "/v1/data/../../etc/passwd",
    "/v1/data/a%2Fb", "/v1/data/%ff%fe", "/v1/data/%00", "/v1/data/voucher%00", "/v1/data/vo\u0300ucher", "/%", "/%zz",
    "/v1/data/" + "a" * 5000, "/v1/data/voucher;x=1", "/static/x", "/favicon.ico", "/\ufffd", "/v1/data/__init__",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
def test_an_address_that_is_none_is_404_and_never_a_redirect(known, nobody, path):
    """Any other address is UnknownDataset: no redirect, which would have no envelope, and nothing of the path in it."""
    content = failure(known.get(path), "UnknownDataset", 404, OWN)
    assert content["msg"] == UnknownDataset.default
    answer = nobody.get(path)
    if answer.status_code != 401:
        failure(answer, "UnknownDataset", 404)


@pytest.mark.parametrize(
    "headers",
    [
        {"token-key": "\xff\xfe"},
        {"X-Request-ID": "\xff" * 20},
        {"Content-Type": "\xff/\xff"},
        {"Content-Type": "application/json; charset=\xff"},
        {"Content-Type": ";"},
        {"Content-Type": "multipart/form-data; boundary*=utf-8''%ff"},
        {"Accept": "\xff"},
        {"Cookie": "\xff=\xff"},
        {"Authorization": "Basic \xff"},
        {"Host": "exa mple"},
        {"Host": "\xff"},
        {"Host": ""},
        {"Host": "a:b:c"},
        {"If-None-Match": "*"},
        {"Range": "bytes=0-1"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Expect": "nonsense"},
    ],
    ids=lambda headers: repr(headers)[:40],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_bad_headers_never_break_the_envelope(deployment, headers, method):
    """Headers with bytes that are no text, or without meaning here, end in an answer or an error in the envelope."""
    client = deployment.asking(deployment.issue().api_key)
    answer = client.open(ASK, method=method, headers=headers)
    envelope_of(answer)
    assert answer.status_code < 500
    assert answer.status_code != 304


FAULTY = """
    from marshmallow import Schema, fields
    from provider.dataset import Dataset

    class Record(Schema):
        code = fields.String()

    def fetch(query):
        raise {error}

    dataset = Dataset(name="{title}", record=Record, fetch=fetch)
    """

FAULTS = {
    "exception": ('RuntimeError(f"no room for {query.phone} {query.email}")', "InternalError", 500),
    "bad-key": ("KeyError(query.phone.national)", "InternalError", 500),
    "recursion": ("RecursionError(query.phone)", "InternalError", 500),
    "memory": ("MemoryError(query.email)", "InternalError", 500),
    "system-exit": ('__import__("werkzeug").exceptions.NotFound(query.email)', "UnknownDataset", 404),
    "of-the-web": ('__import__("werkzeug").exceptions.BadGateway(query.email)', "InternalError", 500),
    "ours": ('__import__("provider.errors").errors.SourceUnavailable()', "SourceUnavailable", 503),
    "slow": ('__import__("provider.errors").errors.Timeout()', "Timeout", 503),
    "limited": ('__import__("provider.errors").errors.TooManyRequests()', "TooManyRequests", 429),
    "forbidden": ('__import__("provider.errors").errors.Forbidden()', "Forbidden", 403),
}


@pytest.fixture
def faulty(deploy, make_package):
    """Deploy datasets that raise, each under its own name."""
    files = {
        title.replace("-", "_"): FAULTY.replace("{error}", error).replace("{title}", title)
        for title, (error, _, _) in FAULTS.items()
    }
    return deploy(datasets=make_package(**files))


@pytest.mark.parametrize("name", FAULTS)
def test_a_dataset_that_raises_answers_in_the_envelope(faulty, name):
    """Whatever a dataset raises, the answer is an enveloped error without the exception's text."""
    _, code, status = FAULTS[name]
    client = faulty.asking(faulty.issue(**OWN_NAMES).api_key)
    answer = client.post(f"/v1/data/{name}", json={"phone": PHONE, "email": EMAIL})
    content = failure(answer, code, status, OWN)
    assert PHONE[1:] not in answer.text
    assert EMAIL not in answer.text
    assert "Traceback" not in answer.text
    if code == "InternalError":
        assert content["msg"] == InternalError.default


RETURNS = """
    from marshmallow import Schema, fields
    from provider.dataset import Dataset

    class Record(Schema):
        code = fields.Integer()

    dataset = Dataset(name="thing", record=Record, fetch=lambda query: {value})
    """


@pytest.mark.parametrize("value", ["[]", '"text"', "5", "True", '{"code": "no number"}', '{"code": object()}'])
def test_a_dataset_that_returns_what_it_may_not_is_a_fault(deploy, make_package, value):
    """A fetch that returns no mapping, or a value its schema cannot write, is InternalError and not an empty record."""
    deployed = deploy(datasets=make_package(thing=RETURNS.replace("{value}", value)))
    client = deployed.asking(deployed.issue().api_key)
    failure(client.get(f"/v1/data/thing?phone={PHONE}"), "InternalError", 500)


def test_a_source_that_does_not_answer_is_503(deploy, make_source, make_package):
    """A database error during a lookup is SourceUnavailable; the service goes on and recovers by itself."""
    sources = make_source(f"CREATE TABLE t (mobile, v); INSERT INTO t VALUES ('{PHONE}', 1)")
    deployed = deploy(
        sources=sources,
        datasets=make_package(
            thing="""
            from provider.dataset import TableDataset

            dataset = TableDataset(
                name="thing", source="shop", table="t", identifiers={"phone": "mobile"}, record={"v": "v"}
            )
            """
        ),
    )
    client = deployed.asking(deployed.issue().api_key)
    address = f"/v1/data/thing?phone={PHONE}"
    assert record(client.get(address)) == {"v": 1}
    with closing(sqlite3.connect(sources["shop"].removeprefix("sqlite:///"))) as connection:
        connection.executescript("ALTER TABLE t RENAME TO away")
        content = failure(client.get(address), "SourceUnavailable", 503)
        assert content["message"] == SourceUnavailable.default
        connection.executescript("ALTER TABLE away RENAME TO t")
    assert record(client.get(address)) == {"v": 1}


def test_a_provider_database_that_does_not_answer_is_503(deployment):
    """When keys cannot be looked up, the answer is SourceUnavailable in the deployment's keys, and recovers."""
    client = deployment.asking(deployment.issue(**OWN_NAMES).api_key)
    file = deployment.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("ALTER TABLE provider_credential RENAME TO away")
        content = failure(client.get(ASK), "SourceUnavailable", 503)
        assert "provider_credential" not in content["message"]
        failure(client.get("/nothing"), "UnknownDataset", 404)
        connection.executescript("ALTER TABLE away RENAME TO provider_credential")
    assert record(client.get(ASK), OWN) == VOUCHER


def test_every_answer_has_an_id_to_quote(known):
    """Every answer carries X-Request-ID: the caller's, when it is a proper id, else a fresh one."""
    first, second = (known.get(path).headers["X-Request-ID"] for path in (ASK, "/nothing"))
    assert first != second
    assert min(len(first), len(second)) >= 16
    own = "6f1c2a9e-0b7d-4c55-9e39-2f1d8a4b7c60"
    assert known.get(ASK, headers={"X-Request-ID": own}).headers["X-Request-ID"] == own
    for other in ("", PHONE, "+84359677657", EMAIL, "a b" * 10, "x" * 1000, "line\tbreak-line-break"):
        assert known.get(ASK, headers={"X-Request-ID": other}).headers["X-Request-ID"] != other
