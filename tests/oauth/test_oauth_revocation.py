"""Revocation (RFC 7009) and introspection (RFC 7662)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import strict
import time_machine
from partner import Console
from support import NOON, VOUCHER, failure, record

REVOKE, INTROSPECT = "/oauth2/revoke", "/oauth2/introspect"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def console(deployment):
    """Give a partner's console."""
    return Console(deployment)


def ask(console, path, token, **more):
    """Ask one of the two endpoints about a token, as the client itself."""
    auth = (console.id, console.issued.client_secret)
    return console.browser.post(path, data={"token": token, **more}, auth=auth)


def fetch(console):
    """Fetch a token from the Access Token API."""
    return record(console.browser.get("/v1/token", headers={"token-key": console.issued.api_key}))["accessToken"]


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
def test_the_client_must_prove_itself(console, path):
    """Both endpoints want client authentication, by Basic or in the form, and by one of the two."""
    token = fetch(console)
    form = {"token": token, "client_id": console.id, "client_secret": console.issued.client_secret}
    strict.error(console.browser.post(path, data={"token": token}), "invalid_client", 401)
    strict.error(console.browser.post(path, data={**form, "client_secret": "wrong"}), "invalid_client", 401)
    strict.error(console.browser.post(path, data={"token": token}, auth=(console.id, "wrong")), "invalid_client", 401)
    strict.error(console.browser.post(path, data={"token": token, "client_id": console.id}), "invalid_client", 401)
    garbled = {"Authorization": "Basic !!!"}
    strict.error(console.browser.post(path, data={"token": token}, headers=garbled), "invalid_client", 401)
    both = console.browser.post(path, data=form, auth=(console.id, console.issued.client_secret))
    strict.error(both, "invalid_request")
    assert console.active(token)
    assert console.browser.post(path, data=form).status_code == 200


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
def test_the_request_must_be_a_form_with_one_token(console, path):
    """A missing, empty or repeated token, a query, another method or media type are refused."""
    auth = (console.id, console.issued.client_secret)
    token = fetch(console)
    browser = console.browser
    strict.error(browser.post(path, auth=auth, data={}), "invalid_request")
    strict.error(browser.post(path, auth=auth, data={"token": ""}), "invalid_request")
    twice = urlencode([("token", token), ("token", token)])
    strict.error(browser.post(path, auth=auth, data=twice, content_type=FORM), "invalid_request")
    strict.error(browser.post(path, auth=auth, query_string={"token": token}), "invalid_request")
    strict.error(browser.post(path, auth=auth, json={"token": token}), "invalid_request")
    refused = browser.get(path, query_string={"token": token}, auth=auth)
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert console.active(token)


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "unheard_of"])
def test_a_token_is_revoked_at_once_whatever_the_hint(console, hint):
    """Revoking ends a token for the very next call; the hint only helps to find it."""
    tokens = {fetch(console): lambda text: console.opens({"access_token": text})}
    more = {} if hint is None else {"token_type_hint": hint}
    for token, opens in tokens.items():
        assert record(opens(token)) == VOUCHER
        answer = ask(console, REVOKE, token, **more)
        assert answer.status_code == 200
        strict.document(answer)
        failure(opens(token), "Unauthorized", 401)
        assert ask(console, REVOKE, token, **more).status_code == 200
    refresh = console.tokens()["refresh_token"]
    assert ask(console, REVOKE, refresh, **more).status_code == 200
    strict.error(console.refresh(refresh), "invalid_grant")


@pytest.mark.parametrize("token", ["unknown", "pat_a.b", "x" * 9000, "é", "\x00", "prt_000000000000_" + "0" * 38])
def test_an_unknown_token_is_as_good_as_revoked(console, token):
    """Revoking what is no token is a success (RFC 7009 section 2.2), and it is inactive."""
    assert ask(console, REVOKE, token).status_code == 200
    assert strict.document(ask(console, INTROSPECT, token)) == {"active": False}


def test_other_clients_tokens_stay(console):
    """A client cannot revoke the access or the refresh token of another client, and learns nothing of them."""
    other = Console(console.deployment, "other")
    tokens = console.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        strict.error(ask(other, REVOKE, token), "invalid_grant")
        assert strict.document(ask(other, INTROSPECT, token)) == {"active": False}
        assert console.active(token)
    assert record(console.opens(tokens)) == VOUCHER
    assert strict.token(console.refresh(tokens["refresh_token"]))


def test_an_access_token_tells_what_it_is(console):
    """An active access token tells its client, scope and times."""
    with time_machine.travel(NOON, tick=False) as clock:
        token = console.tokens(scope="data:voucher")["access_token"]
        assert strict.document(ask(console, INTROSPECT, token)) == {
            "active": True,
            "client_id": console.id,
            "token_type": "Bearer",
            "scope": "data:voucher",
            "iat": int(NOON.timestamp()),
            "exp": int((NOON + timedelta(minutes=15)).timestamp()),
        }
        clock.shift(900)
        assert strict.document(ask(console, INTROSPECT, token)) == {"active": False}


def test_a_refresh_token_tells_what_it_is(console):
    """An active refresh token tells its client, scope and end; a used one is inactive."""
    with time_machine.travel(NOON, tick=False):
        token = console.tokens(scope="data:voucher")["refresh_token"]
        assert strict.document(ask(console, INTROSPECT, token, token_type_hint="refresh_token")) == {
            "active": True,
            "client_id": console.id,
            "scope": "data:voucher",
            "exp": int((NOON + timedelta(days=30)).timestamp()),
        }
        strict.token(console.refresh(token))
        assert strict.document(ask(console, INTROSPECT, token)) == {"active": False}


def test_secrets_of_other_kinds_are_inactive(console):
    """Keys, client secrets and codes are not tokens: inactive for everybody, and not ended by revoking them."""
    code = console.code()
    for text in (console.issued.api_key, console.issued.client_secret, console.consent_code(), code):
        assert strict.document(ask(console, INTROSPECT, text)) == {"active": False}
        assert ask(console, REVOKE, text).status_code == 200
    assert strict.token(console.exchange(code=code, code_verifier=console.pkce.verifier))
    assert fetch(console)


def test_asking_does_not_end_anything(console):
    """Introspecting a used code or refresh token is no second use of it."""
    tokens = console.tokens()
    later = strict.token(console.refresh(tokens["refresh_token"]))
    assert strict.document(ask(console, INTROSPECT, tokens["refresh_token"])) == {"active": False}
    assert record(console.opens(later)) == VOUCHER


def test_ended_revocations_are_forgotten(console):
    """A revocation is stored until its token would have expired, and then deleted without a cron job."""
    engine = console.deployment.app.extensions["databases"]["provider"]

    def kept():
        with engine.connect() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM provider_revocation").scalar()

    for _ in range(3):
        ask(console, REVOKE, fetch(console))
    assert kept() == 3
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=902)):
        ask(console, REVOKE, fetch(console))
    assert kept() == 1
