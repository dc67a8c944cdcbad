"""Failed logins: delayed, then refused for a while, without locking out anybody with the right credentials."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import strict
import time_machine
from redis import Redis
from services import REDIS, own_address, require
from support import NOON, PHONE, VOUCHER, failure, record

from provider.auth.failed_logins import DELAY_SECONDS, DELAYED_AFTER, REFUSED_AFTER, network_of
from provider.auth.keys import API_KEY, make_key
from provider.contract.envelope import Envelope
from provider.errors import ConfigurationError

LOOKUP = f"/v1/data/voucher?phone={PHONE}"


def wrong_key(browser, address):
    """Guess an API key on a data call."""
    return browser.get(LOOKUP, headers={"token-key": make_key(API_KEY).text}, environ_overrides=at(address))


def wrong_token(browser, address):
    """Guess a bearer token on a data call."""
    return browser.get(LOOKUP, headers={"Authorization": "Bearer wrong"}, environ_overrides=at(address))


def wrong_secret(browser, address):
    """Guess a secret at the Access Token API."""
    body = {"clientId": make_key(API_KEY).id, "clientSecret": "wrong"}
    return browser.post("/v1/token", json=body, environ_overrides=at(address))


def wrong_key_for_a_token(browser, address):
    """Guess an API key at the Access Token API."""
    return browser.get("/v1/token", headers={"token-key": "wrong"}, environ_overrides=at(address))


def at(address):
    """Call from an address."""
    return {"REMOTE_ADDR": address}


def together(browser_of, guess, address, number=40):
    """Guess from several threads at once, so that not every delay is waited for; the answers as they came."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: guess(browser_of(), address), range(number)))


def too_many(response, envelope=None):
    """Check an answer that tells a guesser to wait."""
    failure(response, "TooManyRequests", 429, envelope)
    seconds = int(response.headers["Retry-After"])
    assert 1 <= seconds <= 61
    assert response.headers["X-Rate-Limit-Retry-After-Seconds"] == str(seconds)
    return seconds


@pytest.mark.parametrize("guess", [wrong_key, wrong_token, wrong_secret, wrong_key_for_a_token])
def test_a_guesser_is_delayed_and_then_refused(deployment, guess):
    """Some failures are answered at once, further ones late, and after twenty in a minute come refusals."""
    issued = deployment.issue()
    address = own_address()
    browser = deployment.app.test_client()
    with time_machine.travel(NOON, tick=False):
        for _ in range(DELAYED_AFTER):
            failure(guess(browser, address), "Unauthorized", 401)
        began = time.perf_counter()
        failure(guess(browser, address), "Unauthorized", 401)
        assert time.perf_counter() - began >= DELAY_SECONDS
        answers = together(deployment.app.test_client, guess, address)
        assert {answer.status_code for answer in answers} <= {401, 429}
        assert too_many(guess(browser, address)) == 61
        good = deployment.asking(issued.api_key).get(LOOKUP, environ_overrides=at(address))
        assert record(good) == VOUCHER
        failure(guess(browser, own_address()), "Unauthorized", 401)


def test_a_refusal_ends_with_its_time(deployment):
    """A minute after the last counted failure a guesser gets a normal refusal again."""
    address = own_address()
    browser = deployment.app.test_client()
    with time_machine.travel(NOON, tick=False) as clock:
        together(deployment.app.test_client, wrong_key, address)
        clock.shift(too_many(wrong_key(browser, address)) - 2)
        assert too_many(wrong_key(browser, address)) <= 3
        clock.shift(62)
        failure(wrong_key(browser, address), "Unauthorized", 401)


def test_one_client_id_is_guarded_from_many_addresses(deployment):
    """Failures for one client id are counted together from all addresses; its owner still gets in."""
    issued = deployment.issue()
    browser = deployment.app.test_client()

    def guess(browser, _):
        body = {"clientId": issued.client.client_id, "clientSecret": "wrong"}
        return browser.post("/v1/token", json=body, environ_overrides=at(own_address()))

    together(deployment.app.test_client, guess, None)
    too_many(guess(browser, None))
    body = {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    assert record(browser.post("/v1/token", json=body))
    form = {"grant_type": "client_credentials"}
    wrong = (issued.client.client_id, "wrong")
    refused = browser.post("/oauth2/token", data=form, auth=wrong, environ_overrides=at(own_address()))
    assert strict.document(refused)["error"] == "invalid_client"
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    own = (issued.client.client_id, issued.client_secret)
    assert strict.token(browser.post("/oauth2/token", data=form, auth=own))


def test_nobody_uses_up_anothers_failures(deployment):
    """A guesser who sends a caller's address for an id, or no id at all, does not make others wait."""
    victim = "203.0.113.7"

    def guess(browser, client_id):
        body = {"clientId": client_id, "clientSecret": "wrong"}
        return browser.post("/v1/token", json=body, environ_overrides=at(own_address()))

    def garble(browser):
        headers, form = {"Authorization": "Basic !!!"}, {"grant_type": "client_credentials"}
        return browser.post("/oauth2/token", data=form, headers=headers, environ_overrides=at(own_address()))

    for sent in (victim, f"address {victim}"):
        together(deployment.app.test_client, guess, sent)
    for _ in range(REFUSED_AFTER + 5):
        assert garble(deployment.app.test_client()).status_code == 401
    failure(wrong_key(deployment.app.test_client(), victim), "Unauthorized", 401)


def test_one_key_is_guarded_from_many_addresses(deployment):
    """Failures for one key's id are counted together from all addresses; the key itself still works."""
    issued = deployment.issue()

    def guess(browser, _):
        key = f"{issued.api_key[:17]}{make_key(API_KEY).text[17:]}"
        return browser.get(LOOKUP, headers={"token-key": key}, environ_overrides=at(own_address()))

    together(deployment.app.test_client, guess, None)
    too_many(guess(deployment.app.test_client(), None))
    assert record(deployment.asking(issued.api_key).get(LOOKUP)) == VOUCHER


def test_the_refusal_is_in_the_envelope_of_a_known_client(deployment):
    """A genuine secret with a wrong id is refused in the key names of the secret's owner."""
    issued = deployment.issue(data_key="body")
    address = own_address()
    together(deployment.app.test_client, wrong_secret, address)
    headers = {"REMOTE_ADDR": address}
    body = {"clientId": "wrong", "clientSecret": issued.client_secret}
    too_many(
        deployment.app.test_client().post("/v1/token", json=body, environ_overrides=headers), Envelope(data_key="body")
    )


def test_an_ended_key_or_token_is_no_guess(deploy):
    """A key or a token that has ended is refused as such every time, and never counted as a guess."""
    deployment = deploy()
    issued = deployment.issue()
    token = record(deployment.asking(issued.api_key).get("/v1/token"))["accessToken"]
    (key,) = [key for key in deployment.clients.get("pango").credentials if key.kind == API_KEY]
    deployment.clients.revoke("pango", key.id)
    worker = deploy()  # one that has not met the key yet
    for _ in range(REFUSED_AFTER + 5):
        failure(worker.asking(issued.api_key).get(LOOKUP), "Unauthorized", 401)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        for _ in range(REFUSED_AFTER + 5):
            response = worker.app.test_client().get(LOOKUP, headers={"Authorization": f"Bearer {token}"})
            failure(response, "Unauthorized", 401)


def test_nothing_sent_is_no_guess(deployment):
    """Calls without credentials are not counted."""
    for _ in range(REFUSED_AFTER + 5):
        failure(deployment.app.test_client().get(LOOKUP), "Unauthorized", 401)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("", "nonsense", True),
        (None, "fe80::1%eth0x", False),
    ],
)
def test_who_is_behind_an_address(one, other, same):
    """An IPv4 caller is its address, however it is written; an IPv6 subscriber has a whole /64 of them."""
    assert (network_of(one) == network_of(other)) is same


@pytest.fixture(scope="module")
def shared(install):
    """Start two servers that count failures in one Redis."""
    require("Redis", REDIS)
    return install(servers=2, PROVIDER_REDIS_URL=f"redis://127.0.0.1:{REDIS}/9", PROVIDER_TRUSTED_PROXIES="127.0.0.0/8")


def test_failures_are_shared_through_redis(shared):
    """A guesser who used up its failures at one worker is refused by the other; the good caller gets in at both."""
    issued = shared.clients.create("shared", {})
    address = own_address()
    one, other = ({"base_url": server.url, "headers": {"X-Forwarded-For": address}} for server in shared.servers)
    with httpx2.Client(**one) as here, httpx2.Client(**other) as there:

        def guess(number):
            return here.get(LOOKUP, headers={"token-key": f"wrong-{number}"}).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(guess, range(40))) <= {401, 429}
        too_many(there.get(LOOKUP, headers={"token-key": "wrong"}))
        too_many(there.get("/v1/token", headers={"token-key": "wrong"}))
        for worker in (here, there):
            assert record(worker.get(LOOKUP, headers={"token-key": issued.api_key})) == VOUCHER
        elsewhere = there.get(LOOKUP, headers={"token-key": "wrong", "X-Forwarded-For": own_address()})
        failure(elsewhere, "Unauthorized", 401)


def test_redis_keeps_no_secret_and_nothing_for_long(shared):
    """What is stored of failures holds no secret, and expires within two minutes."""
    secret = make_key(API_KEY)
    address = own_address()
    headers = {"token-key": secret.text, "X-Forwarded-For": address}
    failure(httpx2.get(f"{shared.url}{LOOKUP}", headers=headers), "Unauthorized", 401)
    with Redis(port=REDIS, db=9, decode_responses=True) as redis:
        names = [name for name in redis.scan_iter("*") if network_of(address) in name or secret.id in name]
        assert len(names) == 2
        for name in names:
            assert secret.text not in name
            assert 0 < redis.ttl(name) <= 120


def test_long_guesses_are_counted_by_their_beginning(shared):
    """Of an id that a guesser sends 64 characters are stored, so that it cannot fill the memory."""
    headers = {"X-Forwarded-For": own_address()}
    mark = make_key(API_KEY).id
    with httpx2.Client(base_url=shared.url, headers=headers) as http:
        failure(http.get(LOOKUP, headers={"token-key": f"pak_{mark}{'x' * 5000}"}), "Unauthorized", 401)
        failure(
            http.post("/v1/token", json={"clientId": f"{mark}{'y' * 5000}", "clientSecret": "z"}), "Unauthorized", 401
        )
    with Redis(port=REDIS, db=9, decode_responses=True) as redis:
        names = [name for name in redis.scan_iter("*") if mark in name]
    assert sorted(name[name.index(mark) :].partition("/")[0] for name in names) == [
        f"{mark}{'x' * 52}",
        f"{mark}{'y' * 52}",
    ]


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1", "redis://127.0.0.1:no", "memcached://127.0.0.1"])
def test_an_address_that_is_no_redis_stops_the_start(deploy, url):
    """A Redis address that cannot be read stops the start with the setting's name, and does not quote it."""
    with pytest.raises(ConfigurationError, match="PROVIDER_REDIS_URL") as caught:
        deploy(redis_url=url)
    assert url not in str(caught.value)
