"""Tokens: fetched from a real server, once for all threads, whatever it answers."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from listener import AUTH, SECRETS, V2, Listener, answer, document
from support import PATIENCE_SECONDS, eventually

from provider.ingestion.pango import tokens as pango_tokens
from provider.ingestion.pango.http import open_http
from provider.ingestion.pango.tokens import NoToken, Tokens, choose_authentication


@pytest.fixture
def pango():
    """Start a server in Pango's place."""
    with Listener() as listener:
        yield listener


@pytest.fixture
def http():
    """Give the HTTP client that pushes use."""
    with open_http() as http:
        yield http


@pytest.fixture
def tokens(pango, http):
    """Give the tokens of version 1."""
    return Tokens(choose_authentication(pango.settings()), http)


def fetch(pango, http, **chosen):
    """Fetch one token; give it and how many seconds it lives."""
    token = choose_authentication(pango.settings(**chosen)).fetch(http)
    return token.text, token.expires_at - time.monotonic()


def test_parallel_threads_fetch_once(pango, tokens):
    """Many threads that need a token at the same moment cause one fetch and share its token."""
    barrier = threading.Barrier(16)

    def get(_):
        barrier.wait()
        return tokens.get()

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(get, range(16))) == {"token-1"}
    assert len(pango.to(AUTH)) == 1


def test_parallel_threads_renew_once(pango, tokens):
    """Many threads that saw the same token refused cause one fetch; an older one causes none."""
    stale, barrier = tokens.get(), threading.Barrier(16)

    def renew(_):
        barrier.wait()
        return tokens.renew(stale)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(renew, range(16))) == {"token-2"}
    assert tokens.renew(stale) == tokens.get() == "token-2"
    assert len(pango.to(AUTH)) == 2


def test_threads_that_wait_share_a_failure(pango, tokens, monkeypatch):
    """When there is no token, the threads that waited do not all ask again."""
    monkeypatch.setattr(pango_tokens, "REFUSAL_SECONDS", PATIENCE_SECONDS)
    pango.on(AUTH, document(400, success=False, errorCode="MISSING_INFO", message="Username and ApiKey are required"))
    barrier = threading.Barrier(8)

    def get(_):
        barrier.wait()
        with pytest.raises(NoToken, match="Username and ApiKey are required") as caught:
            tokens.get()
        return caught.value.code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(get, range(8))) == {"MISSING_INFO"}
    assert len(pango.to(AUTH)) == 1


def test_a_failure_is_forgotten_soon(pango, tokens):
    """A while after a failure Pango is asked again."""
    pango.on(AUTH, document(400, success=False), document(token="token-9"))
    with pytest.raises(NoToken):
        tokens.get()

    def try_again():
        try:
            return tokens.get()
        except NoToken:
            return None

    assert eventually(try_again) == "token-9"


def test_a_short_token_is_fetched_again_before_its_end(pango, tokens):
    """A token that lives for a moment only is used for half of it."""
    pango.on(AUTH, document(token="token-1", expiredAfter=0.4), document(token="token-2", expiredAfter=1800))
    assert tokens.get() == "token-1"
    assert eventually(lambda: tokens.get() == "token-2")


ISSUED = 1_584_414_919_000


@pytest.mark.parametrize(
    ("times", "lifetime"),
    [
        ({"issuedAt": ISSUED, "expiredAt": ISSUED + 1_800_000, "expiredAfter": 1800}, 1800),
        ({"expiredAfter": 1800}, 1800),
        ({"issuedAt": ISSUED, "expiredAt": ISSUED + 600_000}, 600),
        ({"issuedAt": ISSUED, "expiredAt": ISSUED + 600_000, "expiredAfter": 1800}, 600),
        ({"issuedAt": ISSUED, "expiredAt": ISSUED + 1_800_000, "expiredAfter": 900}, 900),
        ({"issuedAt": ISSUED, "expiredAt": ISSUED + 1_800_000, "expiredAfter": 1_800_000}, 1800),
        ({"expiredAt": ISSUED, "expiredAfter": 1800}, 1800),
        ({"issuedAt": ISSUED, "expiredAt": ISSUED - 1, "expiredAfter": -5}, 300),
        ({"issuedAt": "now", "expiredAt": None, "expiredAfter": True}, 300),
        ({}, 300),
    ],
)
def test_the_lifetime_is_the_shorter_of_what_is_said(pango, http, times, lifetime):
    """Seconds and milliseconds are told apart, a clock that differs from ours does not count, and silence is short."""
    pango.on(AUTH, document(success=True, token="token-1", **times))
    text, lives = fetch(pango, http)
    assert text == "token-1"
    assert lifetime - 5 < lives <= lifetime


def test_an_end_without_a_beginning_is_compared_to_our_clock(pango, http):
    """When Pango says only when a token ends, our own clock tells how long that is."""
    pango.on(AUTH, document(token="token-1", expiredAt=(time.time() + 600) * 1000))
    assert 590 < fetch(pango, http)[1] <= 600


@pytest.mark.parametrize(
    "content",
    [
        {"data": {"accessToken": "right", "token": "wrong"}, "accessToken": "wrong", "token": "wrong"},
        {"data": {"token": "wrong"}, "accessToken": "right", "token": "wrong"},
        {"data": {"token": "right", "access_token": "wrong"}, "token": "wrong"},
        {"data": {"access_token": "wrong"}, "token": "right"},
        {"data": {"access_token": "right"}},
        {"data": "text", "token": "right"},
        {"data": {"accessToken": None}, "accessToken": 5, "token": "right"},
    ],
)
def test_version_2_finds_the_token_wherever_it_is(pango, http, content):
    """The token of version 2 is taken from the first place of several that has one, and nobody knows its end."""
    pango.on(AUTH, document(**content))
    text, lives = fetch(pango, http, **V2)
    assert (text, lives) == ("right", math.inf)


@pytest.mark.parametrize("version", [{}, V2], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("respond", "says"),
    [
        (answer(b"not JSON"), "HTTP status 200"),
        (answer(b'"token-1"'), "HTTP status 200"),
        (answer(b"{}"), "answer has none"),
        (document(token=""), "answer has none"),
        (document(token="a\r\nEvil: yes"), "answer has none"),
        (document(token="mã"), "answer has none"),
        (document(token="t" * 10_000), "answer has none"),
        (document(token=["token-1"]), "answer has none"),
        (document(success=False, token="token-1", message="no"), "No token: no"),
        (document(401, token="token-1"), "HTTP status 401"),
        (document(500, token="token-1"), "HTTP status 500"),
        (answer(b'{"token": "token-1"}', 307, Location="/elsewhere"), "HTTP status 307"),
        (answer(b'{"token": "token-1"}'.ljust(2_000_000)), "too large"),
    ],
)
def test_what_is_no_token_is_refused(pango, http, version, respond, says):
    """An answer without a token that fits into a header is a failure with a reason, and nothing secret in it."""
    pango.on("/elsewhere", document(token="token-1"))
    pango.on(AUTH, respond)
    with pytest.raises(NoToken, match=says) as caught:
        fetch(pango, http, **version)
    assert not any(secret in f"{caught.value!r}" for secret in SECRETS)
    assert len(pango.calls) == 1
