"""The authorization endpoint and its consent page (RFC 6749 section 4.1, RFC 7636, RFC 9700)."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import strict
import time_machine
from authlib.oauth2.rfc6749 import InvalidGrantError
from partner import AUTHORIZE, CALLBACK, Console, Pkce
from support import BUILT_IN, PHONE, SAMPLES, VOUCHER, failure, record

from provider.auth.access_tokens import AccessTokens
from provider.auth.callers import Callers
from provider.auth.keys import REFRESH_TOKEN, Pepper
from provider.auth.oauth2.issued_tokens import IssuedTokens
from provider.auth.oauth2.oauth_client import OAuthClient
from provider.auth.one_time_secrets import OneTimeSecrets

EVERYTHING = " ".join(f"data:{name}" for name in SAMPLES + BUILT_IN)


@pytest.fixture
def console(deployment):
    """Give a partner's console, a client with one registered address."""
    return Console(deployment)


def test_the_page_says_who_wants_what(console):
    """The consent page names the client, the datasets it asks for, and the command that makes a code."""
    text = unescape(console.page(scope="data:voucher data:customer").text)
    assert "Allow pango to read your data?" in text
    assert re.findall("<li>(.*)</li>", text) == ["voucher", "customer"]
    assert "provider client consent pango" in text
    assert re.findall("<li>(.*)</li>", console.page().text) == SAMPLES + BUILT_IN


def test_the_page_is_for_people_alone(console):
    """The page is not stored, not framed, loads nothing, runs no script and sends no Referer."""
    for response in (console.page(), console.decide("wrong")):
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_the_page_keeps_what_was_asked_in_its_address(console):
    """The form sends to the address it came from, so that nothing asked for is repeated in the page."""
    text = console.page(state='"><script>alert(1)</script>').text
    assert re.search('<form method="post">', text)
    assert "script" not in text


def test_consent_gets_a_code_and_the_state_back(console):
    """With a one-time code the browser returns to the client with an authorization code and the state as it was."""
    state = 'é "\\ &=?#%+ \t'
    sent = strict.redirect(console.decide(console.consent_code(), state=state), CALLBACK)
    assert set(sent) == {"code", "state"}
    assert sent["state"] == state
    without = strict.redirect(console.decide(console.consent_code(), state=None), CALLBACK)
    assert set(without) == {"code"}


def test_the_code_gets_tokens_that_work(console):
    """The code and its proof key get an access and a refresh token of the scope that was consented to."""
    tokens = console.tokens(scope="data:voucher")
    assert tokens["scope"] == "data:voucher"
    assert record(console.opens(tokens)) == VOUCHER
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    other = console.browser.get(f"/v1/data/customer?phone={PHONE}", headers=headers)
    failure(other, "Forbidden", 403)
    assert strict.bearer(other) == {"error": "insufficient_scope", "scope": "data:customer"}


def test_no_scope_asks_for_all(console):
    """Without a scope the consent is for all the client may read."""
    assert console.tokens()["scope"] == EVERYTHING


def test_denying_needs_no_code(console):
    """Deny returns to the client with access_denied and the state."""
    sent = strict.redirect(console.decide(decision="deny"), CALLBACK)
    assert (sent["error"], sent["state"]) == ("access_denied", "a state of the client's")


def test_a_wrong_consent_code_shows_the_page_again(console):
    """A wrong, foreign or missing consent code is 403; the page says so and can be used again; no code is sent."""
    other = Console(console.deployment, "other")
    for code in ("", "wrong", other.consent_code(), console.issued.api_key, "x" * 9000, "é\x00"):
        response = console.decide(code)
        assert response.status_code == 403
        assert "Location" not in response.headers
        assert '<p role="alert">' in response.text
        assert console.issued.api_key not in response.text
    assert strict.redirect(console.decide(console.consent_code()), CALLBACK)["code"]


def test_a_pasted_code_may_have_blanks_around_it(console):
    """Blanks and a line end around a pasted code do not matter."""
    assert strict.redirect(console.decide(f"  {console.consent_code()}\r\n"), CALLBACK)["code"]


def test_a_consent_code_works_once(console):
    """A consent code that was used is refused."""
    code = console.consent_code()
    assert strict.redirect(console.decide(code), CALLBACK)["code"]
    assert console.decide(code).status_code == 403


def test_a_consent_code_works_for_ten_minutes(console):
    """A consent code older than ten minutes is refused."""
    first, second = console.consent_code(), console.consent_code()
    began = datetime.now(UTC)
    with time_machine.travel(began + timedelta(minutes=9, seconds=50)):
        assert strict.redirect(console.decide(first), CALLBACK)["code"]
    with time_machine.travel(began + timedelta(minutes=10)):
        assert console.decide(second).status_code == 403


def test_guessing_consent_codes_is_refused_for_a_while(console):
    """Wrong codes are slowed down and then refused with 429 and Retry-After; the right one still gets in."""
    code = console.consent_code()
    with ThreadPoolExecutor(8) as pool:
        answers = [console.decide("wrong"), *pool.map(console.decide, ["wrong"] * 40)]
    assert answers[0].status_code == 403
    assert {answer.status_code for answer in answers} == {403, 429}
    refused = console.decide("wrong")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert strict.redirect(console.decide(code), CALLBACK)["code"]


@pytest.mark.parametrize(
    "asked",
    [
        {"client_id": None},
        {"client_id": "unknown"},
        {"client_id": "unknown", "response_type": "token"},
        {"client_id": ""},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": CALLBACK + "/more"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK.upper()},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example"},
        {"redirect_uri": 'https://evil.example/"'},
        {"redirect_uri": "https://evil.example/Nguyễn"},
        {"redirect_uri": "https://evil.example", "response_type": "token"},
        {"redirect_uri": "https://evil.example", "response_type": None},
    ],
)
@pytest.mark.parametrize("method", ["page", "decide"])
def test_nobody_is_sent_to_an_address_that_is_not_the_clients(console, asked, method):
    """An unknown client or an address it has not registered, to the letter, is a 400 here: no redirect."""
    response = getattr(console, method)(**asked)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert strict.document(response)["error"] in {"invalid_request", "invalid_client", "unsupported_response_type"}


def test_a_revoked_client_is_unknown(console):
    """A revoked client gets no page."""
    console.deployment.clients.revoke("pango")
    assert console.page().status_code == 400


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"scope": "data:nowhere"}, "invalid_scope"),
        ({"scope": "data:voucher data:nowhere"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge": "x" * 44}, "invalid_request"),
        ({"code_challenge": "x" * 43 + "\n"}, "invalid_request"),
        ({"code_challenge": "x" * 128 + "\n"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("method", ["page", "decide"])
def test_other_mistakes_are_told_to_the_client(console, asked, error, method):
    """Any other mistake, such as plain PKCE or none, is sent to the client's address with its state."""
    sent = strict.redirect(getattr(console, method)(**asked), CALLBACK)
    assert (sent["error"], sent["state"]) == (error, "a state of the client's")


def test_a_client_without_the_method_is_unauthorized(deployment):
    """A client that may not use OAuth is sent back before anybody is asked to consent."""
    console = Console(deployment, auth_methods=["api_key"])
    assert strict.redirect(console.page(), CALLBACK)["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    "name", ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"]
)
def test_a_repeated_parameter_is_refused(console, name):
    """A parameter that comes twice, in the address or in the form beside it, is an invalid request."""
    asked = console.asked(redirect_uri=CALLBACK, scope="data:voucher")
    twice = [*asked.items(), (name, asked[name])]
    for response in (
        console.browser.get(AUTHORIZE, query_string=twice),
        console.browser.post(AUTHORIZE, query_string=asked, data={name: asked[name], "decision": "deny"}),
    ):
        if response.status_code == 302:
            assert strict.redirect(response, CALLBACK)["error"] == "invalid_request"
        else:
            assert (response.status_code, strict.document(response)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["redirect_uri", "response_type", "client_id", "scope"])
def test_the_form_is_not_trusted_more_than_the_address(console, name):
    """What a form adds to an authorization request is read as strictly: never a 500."""
    asked = console.asked(**{name: None} if name in ("response_type", "client_id") else {})
    response = console.browser.post(AUTHORIZE, query_string=asked, data={name: 'a"\\é\x00'})
    assert response.status_code == 400
    assert strict.document(response)["error"] == "invalid_request"


def test_a_form_can_make_the_whole_request(console):
    """The authorization request may come as a form (RFC 6749 section 3.1)."""
    form = {**console.asked(), "consent_code": console.consent_code(), "decision": "allow"}
    assert strict.redirect(console.browser.post(AUTHORIZE, data=form), CALLBACK)["code"]


def test_a_client_of_several_addresses_says_which(deployment):
    """With several registered addresses one must be named; with one it may be left out; with none there is no flow."""
    second = "https://other.example/back?tenant=7&name=a%20b"
    console = Console(deployment, redirect_uris=(CALLBACK, second))
    response = console.page()
    assert (response.status_code, strict.document(response)["error"]) == (400, "invalid_request")
    answer = console.decide(console.consent_code(), redirect_uri=second)
    code = strict.redirect(answer, second)["code"]
    assert strict.token(console.exchange(code=code, redirect_uri=second, code_verifier=console.pkce.verifier))
    machine = Console(deployment, "machine", redirect_uris=())
    assert machine.page().status_code == 400


def test_the_redirect_address_must_be_the_same_again(console):
    """An address named at the start is named again, to the letter, when the code is exchanged."""
    for again in (None, "https://evil.example", CALLBACK + "/"):
        code = console.code(redirect_uri=CALLBACK)
        response = console.exchange(code=code, redirect_uri=again, code_verifier=console.pkce.verifier)
        strict.error(response, "invalid_grant")


def test_the_proof_key_must_fit(console):
    """A code is refused without the verifier of its challenge."""
    for verifier, error in (
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("short", "invalid_request"),
        ("é" * 43, "invalid_request"),
        (Pkce().verifier, "invalid_grant"),
        (console.pkce.challenge, "invalid_grant"),
    ):
        strict.error(console.exchange(code=console.code(), code_verifier=verifier), error)


def test_a_code_is_its_clients_alone(console):
    """Another client gets nothing for a code, and the code still works for its own client."""
    other = Console(console.deployment, "other")
    code = console.code()
    strict.error(other.exchange(code=code, code_verifier=console.pkce.verifier), "invalid_grant")
    assert strict.token(console.exchange(code=code, code_verifier=console.pkce.verifier))


def test_a_code_lives_a_minute(console):
    """A code older than a minute is an invalid grant."""
    code = console.code()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        strict.error(console.exchange(code=code, code_verifier=console.pkce.verifier), "invalid_grant")


def test_a_code_that_comes_twice_ends_all_that_came_of_it(console):
    """A second use of a code is a theft: its access token, its refresh token and all that followed end at once."""
    code = console.code()
    tokens = strict.token(console.exchange(code=code, code_verifier=console.pkce.verifier))
    later = strict.token(console.refresh(tokens["refresh_token"]))
    unrelated = console.tokens()
    strict.error(console.exchange(code=code, code_verifier=console.pkce.verifier), "invalid_grant")
    for ended in (tokens, later):
        response = console.opens(ended)
        failure(response, "Unauthorized", 401)
        assert strict.bearer(response) == {"error": "invalid_token"}
        assert not console.active(ended["access_token"])
    strict.error(console.refresh(later["refresh_token"]), "invalid_grant")
    assert record(console.opens(unrelated)) == VOUCHER
    assert strict.token(console.refresh(unrelated["refresh_token"]))


def test_a_refresh_token_is_replaced(console):
    """Refreshing gives a new access and a new refresh token of the same scope, again and again."""
    tokens = console.tokens(scope="data:voucher data:customer")
    seen = {tokens["refresh_token"]}
    for _ in range(3):
        tokens = strict.token(console.refresh(tokens["refresh_token"]))
        assert tokens["scope"] == "data:voucher data:customer"
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        assert record(console.opens(tokens)) == VOUCHER


def test_a_refresh_token_that_comes_twice_ends_all_that_came_of_it(console):
    """A second use of a refresh token is a theft: every token of its consent ends at once, the newest too."""
    first = console.tokens()
    second = strict.token(console.refresh(first["refresh_token"]))
    third = strict.token(console.refresh(second["refresh_token"]))
    strict.error(console.refresh(first["refresh_token"]), "invalid_grant")
    for tokens in (first, second, third):
        failure(console.opens(tokens), "Unauthorized", 401)
        assert not console.active(tokens["refresh_token"])
    strict.error(console.refresh(third["refresh_token"]), "invalid_grant")


def test_the_loser_of_a_race_ends_all_that_came_of_the_consent(console, deployment):
    """Of two calls that both found a refresh token unused, the second is refused, and the consent's tokens end."""
    engine, key = deployment.app.extensions["databases"]["provider"], deployment.settings.require_secret_key()
    callers = Callers(engine, deployment.settings)
    issued = IssuedTokens(AccessTokens(engine, key, 900), OneTimeSecrets(engine, Pepper(key)), callers)
    client = OAuthClient(callers.by_client_id(console.id), SAMPLES)
    tokens = console.tokens()
    one, other = (issued.find_unused(tokens["refresh_token"], REFRESH_TOKEN, client) for _ in range(2))
    assert issued.use(one) is one
    assert record(console.opens(tokens)) == VOUCHER
    with pytest.raises(InvalidGrantError):
        issued.use(other)
    failure(console.opens(tokens), "Unauthorized", 401)


def test_a_refresh_token_is_its_clients_alone(console):
    """Another client gets nothing for a refresh token, and the token still works for its own client."""
    other = Console(console.deployment, "other")
    tokens = console.tokens()
    strict.error(other.refresh(tokens["refresh_token"]), "invalid_grant")
    assert strict.token(console.refresh(tokens["refresh_token"]))


def test_a_refresh_may_ask_for_less_and_never_for_more(console):
    """A refreshed access token may have fewer scopes; the refresh token keeps those that were consented to."""
    tokens = console.tokens(scope="data:voucher data:customer")
    strict.error(console.refresh(tokens["refresh_token"], scope="data:birthday-gift"), "invalid_scope")
    strict.error(console.refresh(tokens["refresh_token"], scope="data:nowhere"), "invalid_scope")
    less = strict.token(console.refresh(tokens["refresh_token"], scope="data:customer"))
    assert less["scope"] == "data:customer"
    failure(console.opens(less), "Forbidden", 403)
    again = strict.token(console.refresh(less["refresh_token"]))
    assert again["scope"] == "data:voucher data:customer"


def test_a_refresh_token_lives_thirty_days(console):
    """An unused refresh token is valid for thirty days, and what has expired is deleted without a cron job."""
    tokens = console.tokens()
    began = datetime.now(UTC)
    with time_machine.travel(began + timedelta(days=29)):
        tokens = strict.token(console.refresh(tokens["refresh_token"]))
    with time_machine.travel(began + timedelta(days=60)):
        strict.error(console.refresh(tokens["refresh_token"]), "invalid_grant")
        console.consent_code()
        with console.deployment.app.extensions["databases"]["provider"].connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM provider_grant").scalar() == 1


def test_revoking_a_refresh_token_ends_its_consent(console):
    """Revoking a refresh token ends every token of its consent; revoking an access token ends that one."""
    tokens = console.tokens()
    later = strict.token(console.refresh(tokens["refresh_token"]))
    auth = (console.id, console.issued.client_secret)
    console.browser.post("/oauth2/revoke", data={"token": tokens["access_token"]}, auth=auth)
    assert not console.active(tokens["access_token"])
    assert console.active(later["access_token"])
    console.browser.post("/oauth2/revoke", data={"token": later["refresh_token"]}, auth=auth)
    assert not console.active(later["access_token"])
    strict.error(console.refresh(later["refresh_token"]), "invalid_grant")


def test_secrets_are_not_interchangeable(console):
    """A code is no refresh token, a refresh token no access token, and a consent code neither."""
    tokens = console.tokens()
    code, consent = console.code(), console.consent_code()
    for text in (code, consent, tokens["access_token"]):
        strict.error(console.refresh(text), "invalid_grant")
    for text in (consent, tokens["refresh_token"], tokens["access_token"]):
        strict.error(console.exchange(code=text, code_verifier=console.pkce.verifier), "invalid_grant")
    failure(console.opens({"access_token": tokens["refresh_token"]}), "Unauthorized", 401)
    assert console.decide(code).status_code == 403


def test_plain_http_to_another_machine_gets_no_page(console):
    """Over plain http only this machine is served."""
    asked = console.asked()
    response = console.browser.get(AUTHORIZE, query_string=asked, base_url="http://data.example.vn")
    assert (response.status_code, strict.document(response)["error"]) == (400, "invalid_request")


def test_the_flow_works_on_every_database(server_database, deploy):
    """The whole flow, a refresh and the theft of a code, on PostgreSQL and MariaDB; no text makes them fail."""
    console = Console(deploy(database_url=server_database))
    assert console.page(client_id="a\x00b").status_code == 400
    assert console.page(client_id=console.id.swapcase()).status_code == 400
    code = console.code(scope="data:voucher")
    tokens = strict.token(console.exchange(code=code, code_verifier=console.pkce.verifier))
    tokens = strict.token(console.refresh(tokens["refresh_token"]))
    assert record(console.opens(tokens)) == VOUCHER
    strict.error(console.exchange(code=code, code_verifier=console.pkce.verifier), "invalid_grant")
    failure(console.opens(tokens), "Unauthorized", 401)


def test_parallel_use_of_a_refresh_token_wins_once(server_database, deploy):
    """Of many calls that use one refresh token at once, at most one gets new tokens, and then all of them end."""
    console = Console(deploy(database_url=server_database))
    first = console.tokens()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(console.refresh, [first] * 8))
    won = [strict.token(answer) for answer in answers if answer.status_code == 200]
    assert len(won) <= 1
    for answer in answers:
        if answer.status_code != 200:
            strict.error(answer, "invalid_grant")
    for tokens in won:
        failure(console.opens(tokens), "Unauthorized", 401)
        strict.error(console.refresh(tokens["refresh_token"]), "invalid_grant")


def test_parallel_refreshes_do_not_hinder_each_other(server_database, deploy):
    """Different consents can be refreshed at the same moment: on no database does one fail because of another."""
    console = Console(deploy(database_url=server_database))
    tokens = [console.tokens()["refresh_token"] for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            tokens = [strict.token(answer)["refresh_token"] for answer in pool.map(console.refresh, tokens)]
