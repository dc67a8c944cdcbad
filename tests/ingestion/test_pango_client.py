"""One request to Pango: what goes out, byte by byte, and what every kind of answer means."""

import datetime as dt
import ipaddress
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from listener import AUTH, INGEST, SECRETS, SUCCESS, V2, Listener, answer, document
from support import PATIENCE_SECONDS, free_port

from provider.errors import ConfigurationError
from provider.ingestion.pango import http
from provider.ingestion.pango.http import open_http
from provider.ingestion.pango.pango_client import Answer, PangoClient
from provider.ingestion.pango.tokens import choose_authentication
from provider.settings import Settings

ENTRIES = '[{"refId":"C1","points":1.50 , "name":"Nguy\\u1ec5n"},{"refId":"Lễ"}]'.encode()
RETRY_AFTER = "X-Rate-Limit-Retry-After-Seconds"


@pytest.fixture
def pango():
    """Start a server in Pango's place."""
    with Listener() as listener:
        yield listener


@pytest.fixture
def client(pango):
    """Give a client of version 1."""
    with closing(PangoClient(pango.settings())) as client:
        yield client


def send(client, entries=ENTRIES, *, init_data=False, take_permit=None, **members):
    """Send entries as customers."""
    return client.send("customer", entries, members=members, init_data=init_data, take_permit=take_permit)


def test_a_request_of_version_1_is_as_documented(pango, client):
    """The body has the documented keys in their order around the entries as they are; the headers carry both keys."""
    members = {"ignoredUpdateCfs": ["customField01"], "jeEventKey": "CJE-1", "source": "CRM", "jeConfigId": "id-1"}
    assert send(client, init_data=True, **members) == Answer(
        "accepted", None, "Pango answered with HTTP status 200.", None, "r-1"
    )
    (call,) = pango.to(INGEST)
    assert call.path == f"{INGEST}?initData=true"
    assert call.body == (
        b'{"objectType":"customer","source":"CRM","jeConfigId":"id-1","jeEventKey":"CJE-1","entries":'
        + ENTRIES
        + b',"ignoredUpdateCfs":["customField01"]}'
    )
    assert call.headers["content-type"] == "application/json"
    assert (call.headers["token"], call.headers["api_key"]) == ("token-1", "api-key-of-shop")
    assert "accesstoken" not in call.headers
    (asked,) = pango.to(AUTH)
    assert orjson.loads(asked.body) == {
        "username": "shop",
        "apiKey": "api-key-of-shop",
        "cdpGKey": "group-key-of-shop",
    }
    assert asked.headers["content-type"] == "application/json"


def test_a_request_of_version_2_is_as_its_clients_send_it(pango):
    """Version 2 exchanges the long-lived token for one that goes out as a bearer, beside the organisation's id."""
    with closing(PangoClient(pango.settings(**V2))) as client:
        assert send(client).outcome == "accepted"
    asked, call = pango.calls
    assert asked.headers["refreshtoken"] == "long-lived-token"
    assert orjson.loads(asked.body) == {"appId": "app-1", "account": "account-1"}
    assert (call.headers["orgid"], call.headers["accesstoken"]) == ("org-1", "Bearer token-1")
    assert not {"token", "api_key"} & set(call.headers)


def test_what_is_absent_stays_out_and_what_is_pasted_goes_along(pango, client):
    """Members that are not there, or None, are left out; unknown ones from Pango's console follow as they are."""
    pasted = {"callback": {"endpoint": "https://shop.example/cb", "on": None}, "flag": None}
    assert send(client, b"[]", source=None, jeConfigId=None, **pasted).outcome == "accepted"
    (call,) = pango.to(INGEST)
    assert call.path == f"{INGEST}?initData=false"
    assert call.body == (
        b'{"objectType":"customer","entries":[],'
        b'"callback":{"endpoint":"https://shop.example/cb","on":null},"flag":null}'
    )


@pytest.mark.parametrize("version", [{}, V2], ids=["v1", "v2"])
def test_a_request_can_be_shown_without_being_sent(pango, version):
    """A prepared request is the one that would go out; its secrets are masked, and nothing has been sent."""
    with closing(PangoClient(pango.settings(**version))) as client:
        prepared = client.prepare(ENTRIES, {"objectType": "customer", "source": "CRM"}, init_data=False)
        assert pango.calls == []
        send(client, source="CRM")
    (call,) = pango.to(INGEST)
    assert (prepared.method, prepared.url, prepared.body) == ("POST", pango.url + call.path, call.body)
    shown = prepared.shown()
    assert {name.lower() for name in shown} <= set(call.headers)
    assert shown["Content-Type"] == "application/json"
    assert not any(secret in f"{shown}{prepared}" for secret in SECRETS)


def test_an_address_with_a_query_keeps_it(pango):
    """The address may have a query: initData is added to what the address has already."""
    with closing(PangoClient(pango.settings(pango_ingest_url=f"{pango.url}{INGEST}?tenant=1"))) as client:
        send(client)
    assert pango.calls[-1].path == f"{INGEST}?tenant=1&initData=false"


MISSING = {"success": False, "errorCode": "MISSING_INFO", "message": "Invalid value of: objectType", "requestId": "r-9"}
LIMITED = {"X_Rate_Limit_Retry_After_Seconds": "7"}


@pytest.mark.parametrize(
    ("respond", "expected"),
    [
        (answer(SUCCESS), ("accepted", None, None)),
        (answer(SUCCESS, **LIMITED), ("accepted", None, None)),
        (document(400, **MISSING), ("refused", "MISSING_INFO", None)),
        (document(422, **MISSING), ("refused", "MISSING_INFO", None)),
        (document(200, **MISSING), ("refused", "MISSING_INFO", None)),
        (document(400, success=False, errorCode=17), ("refused", "17", None)),
        (answer(b"<html>too large</html>", 413), ("refused", None, None)),
        (answer(b"", 429), ("limited", None, None)),
        (answer(b"", 429, **LIMITED), ("limited", None, 7.0)),
        (answer(orjson.dumps(MISSING), 400, **LIMITED), ("limited", "MISSING_INFO", 7.0)),
        (answer(orjson.dumps(MISSING), 200, **LIMITED), ("limited", "MISSING_INFO", 7.0)),
        (answer(b"", 503, **LIMITED), ("limited", None, 7.0)),
        (answer(b"", 401, **LIMITED), ("limited", None, 7.0)),
        (answer(b"", 429, X_Rate_Limit_Retry_After_Seconds="soon"), ("limited", None, None)),
        (answer(b"<html>bad request of a proxy</html>", 400), ("failed", None, None)),
        (answer(b"", 403), ("failed", None, None)),
        (answer(b"", 404), ("failed", None, None)),
        (document(500, **MISSING), ("failed", "MISSING_INFO", None)),
        (answer(b"", 502), ("failed", None, None)),
        (answer(b"", 204), ("failed", None, None)),
        (answer(SUCCESS, 302, Location=AUTH), ("failed", None, None)),
        (answer(SUCCESS, 307, Location=AUTH), ("failed", None, None)),
        (answer(b""), ("failed", None, None)),
        (answer(b"null"), ("failed", None, None)),
        (answer(b"[true]"), ("failed", None, None)),
        (answer(b'{"success": true'), ("failed", None, None)),
        (answer(b'{"success": "true"}'), ("failed", None, None)),
        (answer(b'{"success": 1}'), ("failed", None, None)),
        (answer(b"{}"), ("failed", None, None)),
        (answer(b"\xff\xfe"), ("failed", None, None)),
        (answer(SUCCESS, Content_Encoding="gzip"), ("accepted", None, None)),
    ],
)
def test_every_answer_has_one_meaning(pango, client, respond, expected):
    """Success must be said; content is refused by a definite answer alone; any failure that asks to wait is a limit."""
    pango.on(INGEST, respond)
    found = send(client)
    assert (found.outcome, found.code, found.retry_after) == expected
    assert found.message
    assert len(pango.to(INGEST)) == 1
    assert len(pango.to(AUTH)) == 1


def test_pangos_words_are_kept_short_and_printable(pango, client):
    """Code, message and request id come from Pango, without what a database or a terminal would choke on."""
    pango.on(
        INGEST, document(400, success=False, errorCode="E" * 99, message="a\0b\n\x1b[31m" + "c" * 2000, requestId=5)
    )
    found = send(client)
    assert found.code == "E" * 64
    assert found.message.startswith("a b [31mccc")
    assert len(found.message) == 1000
    assert found.request_id == "5"


@pytest.mark.parametrize("member", [None, 5.5, True, [], {"a": 1}, "", "\0"])
def test_odd_members_of_an_answer_are_ignored(pango, client, member):
    """A code or a message that is no text is none."""
    pango.on(INGEST, document(400, success=False, errorCode=member, message=member, requestId=member))
    assert send(client) == Answer("refused", None, "Pango answered with HTTP status 400.")


def test_a_refused_token_is_renewed_once_and_the_request_repeated(pango, client):
    """After a 401 the same bytes go out once more with a new token, which counts as two requests."""
    pango.on(INGEST, answer(b"", 401), answer(SUCCESS))
    found = send(client)
    assert (found.outcome, found.requests) == ("accepted", 2)
    first, second = pango.to(INGEST)
    assert (first.headers["token"], second.headers["token"]) == ("token-1", "token-2")
    assert first.body == second.body
    assert (send(client).requests, len(pango.to(AUTH))) == (1, 2)


def test_a_token_that_is_refused_again_is_a_failure(pango, client):
    """A second 401 in a row is given back: nothing loops."""
    pango.on(INGEST, document(401, success=False, errorCode="EXPIRED"))
    found = send(client)
    assert (found.outcome, found.code, found.requests) == ("failed", "EXPIRED", 2)
    assert (len(pango.to(INGEST)), len(pango.to(AUTH))) == (2, 2)


def test_the_repeated_request_needs_a_permit(pango, client):
    """Whoever counts requests is asked before the second one; without a permit it is not made."""
    pango.on(INGEST, answer(b"", 401), answer(b"", 401), answer(SUCCESS))
    found = send(client, take_permit=lambda: False)
    assert (found.outcome, found.requests, len(pango.to(INGEST))) == ("failed", 1, 1)
    found = send(client, take_permit=lambda: True)
    assert (found.outcome, found.requests, len(pango.to(INGEST))) == ("accepted", 2, 3)


def test_threads_renew_a_refused_token_once(pango, client):
    """However many requests one stale token fails, one new token is fetched for all of them."""
    barrier = threading.Barrier(8)

    def judge(request, call):
        if call.headers["token"] == "token-1":
            barrier.wait(PATIENCE_SECONDS)  # all are refused at the same moment
            answer(b"", 401)(request, call)
        else:
            answer(SUCCESS)(request, call)

    pango.on(INGEST, judge)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: send(client), range(8)))
    assert [(one.outcome, one.requests) for one in found] == [("accepted", 2)] * 8
    assert len(pango.to(AUTH)) == 2


def test_without_a_token_nothing_is_sent(pango, client):
    """When Pango gives no token, the answer says why in its words and no record leaves."""
    pango.on(AUTH, document(400, success=False, errorCode="MISSING_INFO", message="Organization Context is not set"))
    assert send(client) == Answer("failed", "MISSING_INFO", "No token: Organization Context is not set", requests=0)
    assert pango.to(INGEST) == []


def test_a_limit_on_tokens_is_a_limit(pango, client):
    """When the token's address asks to wait, so does the answer."""
    pango.on(AUTH, answer(b"", 429, **LIMITED))
    found = send(client)
    assert (found.outcome, found.retry_after, found.requests) == ("limited", 7.0, 0)


def trickle(request, _):
    """Answer byte by byte, for ever."""
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    while True:
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.02)


def hang_up(request, _):
    """Close the connection in the middle of an answer."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"success"')
    request.close_connection = True


def babble(request, _):
    """Answer something that is not HTTP."""
    request.wfile.write(b"220 mail.example ESMTP\r\n")
    request.close_connection = True


def test_a_giant_answer_is_given_up_early(pango, client):
    """An answer is read to its limit, not to its end."""
    written = []

    def flood(request, _):
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        for _ in range(64):
            request.wfile.write(b" " * 1024 * 1024)
            written.append(1)

    pango.on(INGEST, flood)
    found = send(client)
    assert (found.outcome, found.message) == ("failed", "Pango's answer is too large.")
    assert len(written) < 32


def test_an_answer_without_end_is_given_up(pango, client, monkeypatch):
    """An answer that keeps coming, little by little, is given up after its time."""
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.3)
    pango.on(INGEST, trickle)
    assert send(client).message == "Pango's answer takes too long."


def test_a_server_that_says_nothing_is_given_up(pango, monkeypatch):
    """Silence ends with a timeout and is a failure; the requests after it go on."""
    monkeypatch.setattr(http, "TIMEOUT", httpx2.Timeout(PATIENCE_SECONDS, read=1.0))
    over = threading.Event()
    pango.on(INGEST, lambda *_: over.wait(PATIENCE_SECONDS), answer(SUCCESS))
    with closing(PangoClient(pango.settings())) as client:
        assert send(client) == Answer("failed", None, "Pango does not answer (ReadTimeout).")
        assert send(client).outcome == "accepted"
    over.set()


@pytest.mark.parametrize("respond", [hang_up, babble])
def test_a_broken_answer_is_a_failure(pango, client, respond):
    """A connection that ends too early, or speaks something else, is a failure that can be tried again."""
    pango.on(INGEST, respond, answer(SUCCESS))
    found = send(client)
    assert (found.outcome, found.message) == ("failed", "Pango does not answer (RemoteProtocolError).")
    assert send(client).outcome == "accepted"


def test_nobody_listening_is_a_failure():
    """A refused connection is a failure that names neither address nor secret."""
    here = f"http://127.0.0.1:{free_port()}"
    with Listener() as pango:
        with closing(PangoClient(pango.settings(pango_ingest_url=f"{here}/ingest"))) as client:
            assert send(client) == Answer("failed", None, "Pango does not answer (ConnectError).")
        with closing(PangoClient(pango.settings(pango_auth_url=f"{here}/authen"))) as client:
            assert send(client) == Answer("failed", None, "No token: Pango does not answer (ConnectError).", requests=0)


def test_connections_are_kept(pango, client):
    """Requests one after the other use one connection."""
    ports = set()

    def note(request, call):
        ports.add(request.client_address[1])
        answer(SUCCESS)(request, call)

    pango.on(INGEST, note)
    for _ in range(5):
        send(client)
    assert len(ports) == 1


def test_the_environment_names_no_proxy(pango, monkeypatch, tmp_path):
    """Proxies and passwords of the environment are not used: the settings alone say where things go."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with closing(PangoClient(pango.settings())) as client:
        assert send(client).outcome == "accepted"
    assert not any("authorization" in call.headers for call in pango.calls)


def test_a_certificate_must_be_genuine(pango, tmp_path):
    """A server with a certificate that nobody vouches for gets no token and no record."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "self-signed.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    pango.server.socket = context.wrap_socket(pango.server.socket, server_side=True)
    url = pango.url.replace("http:", "https:")
    settings = pango.settings(pango_auth_url=url + AUTH, pango_ingest_url=url + INGEST)
    with closing(PangoClient(settings)) as client:
        assert send(client).message == "No token: Pango does not answer (ConnectError)."
    assert pango.calls == []


def test_secrets_stay_out_of_what_is_printed(pango):
    """No object on the way shows a secret when it is printed."""
    for version in ({}, V2):
        authentication = choose_authentication(pango.settings(**version))
        with open_http() as http, closing(PangoClient(pango.settings(**version))) as client:
            parts = [client, authentication, authentication.fetch(http), client.prepare(b"[]", {}, init_data=False)]
        assert not any(secret in repr(part) for part in parts for secret in SECRETS)


def test_settings_are_checked_before_anything_is_sent():
    """A client for settings that lack something is refused with the setting's name."""
    with pytest.raises(ConfigurationError, match="PROVIDER_PANGO_AUTH_URL is not set"):
        PangoClient(Settings())
