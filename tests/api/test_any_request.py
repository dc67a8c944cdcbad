"""Whatever is sent, the answer is a well-formed envelope with exactly the configured keys, and never a 500."""

import io
import string
from urllib.parse import quote_from_bytes

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from support import EMAIL, PHONE, VOUCHER, envelope_of
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from provider.contract.envelope import Envelope
from provider.errors import ERRORS

OWN_NAMES = {"success_key": "isSuccess", "data_key": "result", "message_key": "errorMsg", "error_code_key": ""}
OWN = Envelope(**OWN_NAMES)
DATASETS = ["voucher", "customer", "birthday-gift", "nothing"]


@pytest.fixture(scope="module")
def own_client(shared_deployment) -> FlaskClient:
    """Give a client whose envelope is not the deployment's."""
    return shared_deployment.asking(shared_deployment.issue("arbitrary", **OWN_NAMES).api_key)


def check(answer, envelope=None):
    """Check that an answer is one of the envelope's, with a status that goes with its code."""
    content = envelope_of(answer, envelope)
    assert answer.status_code in {200, 400, 401, 404, 405, 413, 415, 429}
    code = content.get("errorCode")
    if code:
        assert answer.status_code == ERRORS[code].status
    return content


MEDIA_TYPES = st.one_of(
    st.sampled_from(
        [
            "application/json",
            "application/json; charset=utf-8",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain",
            "",
        ]
    ),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
)
WORDS = st.sampled_from(["phone", "email", "memberCode", "campaignId", PHONE, EMAIL, "+84359677657", "Birthday2023"])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=20), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), inner, max_size=4)
    ),
    max_leaves=10,
)
QUERIES = st.one_of(
    st.binary(max_size=60).map(quote_from_bytes),
    st.lists(st.one_of(WORDS, st.sampled_from(["&", "=", "%00", "%ff", "%", "+", ";"])), max_size=8).map("".join),
    st.text(string.printable.replace("\r", "").replace("\n", ""), max_size=40),
)
PIECES = [
    b"--x\r\n", b"--x--\r\n", b"\r\n", b"\r\n\r\n", b"&", b"=", b"{", b"}", b'"', b":", b"[", b"NaN", b"\x00",
    b'Content-Disposition: form-data; name="phone"', b"Content-Disposition: form-data; filename=",
    b"Content-Type: text/plain; charset=utf-7", b"Content-Transfer-Encoding: base64",
]  # fmt: skip
PARTS = st.lists(st.one_of(WORDS.map(str.encode), st.binary(max_size=12), st.sampled_from(PIECES)), max_size=12)
BODIES = st.one_of(st.binary(max_size=200), PARTS.map(b"".join), JSON.map(lambda value: orjson.dumps(_writable(value))))
METHODS = st.one_of(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "post"]),
    st.text(string.ascii_uppercase, min_size=1, max_size=8).filter(lambda method: method not in {"HEAD", "OPTIONS"}),
)
PATHS = st.one_of(
    st.sampled_from([f"/v1/data/{name}" for name in DATASETS]),
    st.binary(max_size=30).map(lambda raw: f"/v1/data/{quote_from_bytes(raw)}"),
    st.text(max_size=30).map(lambda text: f"/{text}"),
)
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)


def _writable(value):
    """Leave out what orjson does not write: integers over 64 bits."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, list):
        return [_writable(member) for member in value]
    if isinstance(value, dict):
        return {key: _writable(member) for key, member in value.items()}
    return value


@given(
    method=METHODS,
    path=PATHS,
    query=QUERIES,
    body=BODIES,
    kind=MEDIA_TYPES,
    chunked=st.booleans(),
    headers=st.dictionaries(
        st.sampled_from(["HTTP_X_REQUEST_ID", "HTTP_HOST", "HTTP_COOKIE", "HTTP_ACCEPT", "CONTENT_LENGTH"]),
        HEADER_TEXT,
        max_size=2,
    ),
)
def test_any_request_of_a_client(own_client, method, path, query, body, kind, chunked, headers):
    """Any method, path, query, body, content type and header ends in the client's own envelope, never in a 500."""
    address = path.partition("?")[0].partition("#")[0]
    if address in {"/healthz", "/readyz"}:
        return
    environ = create_environ(address, method=method)
    environ |= {"QUERY_STRING": query, "CONTENT_TYPE": kind, "wsgi.input": io.BytesIO(body)}
    environ |= {"wsgi.input_terminated": True} if chunked else {"CONTENT_LENGTH": str(len(body))}
    check(own_client.open(Request(environ | headers)), OWN)


@given(key=st.one_of(HEADER_TEXT, st.from_regex(r"pak_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", fullmatch=True)))
def test_any_key(shared_deployment, key):
    """Any text for a key ends in an enveloped 401 in the deployment's keys, and after many of them in a 429."""
    environ = create_environ(f"/v1/data/voucher?phone={PHONE}") | {"HTTP_TOKEN_KEY": key}
    content = check(shared_deployment.asking().open(Request(environ)))
    assert content["errorCode"] in {"Unauthorized", "TooManyRequests"}


@given(body=st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), JSON, max_size=5), dataset=st.sampled_from(DATASETS))
def test_any_json_object(shared_client, body, dataset):
    """Any JSON object ends in a record or in an error about the request."""
    answer = shared_client.post(
        f"/v1/data/{dataset}", data=orjson.dumps(_writable(body)), content_type="application/json"
    )
    content = check(answer)
    assert content["success"] or content["errorCode"] in {
        "MissingIdentifier", "InvalidPhone", "InvalidEmail", "InvalidRequest", "NotFound", "UnknownDataset",
    }  # fmt: skip


@given(pairs=st.lists(st.tuples(st.one_of(WORDS, st.text(max_size=8)), st.text(max_size=20)), max_size=6))
def test_any_parameters_beside_good_ones(shared_client, pairs):
    """Parameters nobody declared never change the answer to a good lookup, in a query or in a form."""
    others = {name: value for name, value in pairs if name not in {"phone", "email"}}
    for answer in (
        shared_client.get("/v1/data/voucher", query_string={**others, "phone": PHONE}),
        shared_client.post("/v1/data/voucher", data={**others, "phone": PHONE}),
    ):
        assert check(answer)["data"] == VOUCHER
