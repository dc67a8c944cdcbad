"""The provider database fails: every address says so in its own form, nobody is let in unchecked, and all recovers."""

import httpx2
import pytest
import strict
from partner import AUTHORIZE, CALLBACK, Console
from services import POSTGRESQL, Relay, postgresql_database, require
from support import PATIENCE_SECONDS, PHONE, VOUCHER, Server, failure, record

from provider.auth import credentials
from provider.cli.db import upgrade_database
from provider.settings import Settings

LOOKUP = f"/v1/data/voucher?phone={PHONE}"


@pytest.fixture
def line():
    """Give a line to PostgreSQL that can be cut."""
    require("PostgreSQL", POSTGRESQL)
    with Relay(POSTGRESQL) as relay:
        yield relay


@pytest.fixture
def database(line):
    """Make a migrated database that is reached over the line."""
    with postgresql_database(line.port) as url:
        upgrade_database(Settings(database_url=url))
        yield url


def unavailable(response):
    """Check an OAuth answer that asks to come again (RFC 6749 section 4.1.2.1 has the word)."""
    content = strict.document(response)
    assert (response.status_code, content["error"]) == (503, "temporarily_unavailable")
    assert "database" in content["error_description"]


def test_every_address_says_so_and_recovers(database, line, deploy):
    """With the database away, calls with credentials are 503; when it is back the same calls succeed."""
    console = Console(deploy(database_url=database))
    tokens = console.tokens()
    code, consent_code = console.code(), console.consent_code()
    worker = deploy(database_url=database)  # one that remembers nothing yet
    console.deployment = worker
    proof = (console.id, console.issued.client_secret)
    key = {"token-key": console.issued.api_key}
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    form = {"consent_code": consent_code, "decision": "allow"}
    exchange = {"grant_type": "authorization_code", "code": code, "code_verifier": console.pkce.verifier}

    line.cut()
    for headers in (key, bearer):
        failure(console.browser.get(LOOKUP, headers=headers), "SourceUnavailable", 503)
    failure(console.browser.get("/v1/token", headers=key), "SourceUnavailable", 503)
    unavailable(console.browser.post("/oauth2/token", data=exchange, auth=proof))
    unavailable(console.browser.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=proof))
    for path in ("/oauth2/revoke", "/oauth2/introspect"):
        unavailable(console.browser.post(path, data={"token": tokens["access_token"]}, auth=proof))
    unavailable(console.page())
    unavailable(console.browser.post(AUTHORIZE, query_string=console.asked(), data=form))
    assert console.browser.get("/.well-known/oauth-authorization-server").status_code == 200
    failure(console.browser.get(LOOKUP), "Unauthorized", 401)
    failure(console.browser.get(LOOKUP, headers={"token-key": "wrong"}), "Unauthorized", 401)
    failure(console.browser.get(LOOKUP, headers={"Authorization": "Bearer wrong"}), "Unauthorized", 401)

    line.mend()
    for headers in (key, bearer):
        assert record(console.browser.get(LOOKUP, headers=headers)) == VOUCHER
    assert record(console.browser.get("/v1/token", headers=key))
    assert strict.token(console.browser.post("/oauth2/token", data=exchange, auth=proof))
    assert strict.redirect(console.decide(consent_code), CALLBACK)["code"]


def test_what_a_worker_remembers_does_not_open_a_revoked_token(database, line, deploy):
    """A worker that knows its callers still asks for revocations: without the database a token is 503, never let in."""
    console = Console(deploy(database_url=database))
    tokens = console.tokens()
    assert record(console.opens(tokens)) == VOUCHER
    proof = (console.id, console.issued.client_secret)
    line.cut()
    failure(console.opens(tokens), "SourceUnavailable", 503)
    for path in ("/oauth2/revoke", "/oauth2/introspect"):
        unavailable(console.browser.post(path, data={"token": tokens["access_token"]}, auth=proof))
    unavailable(console.refresh(tokens["refresh_token"]))
    line.mend()
    assert console.browser.post("/oauth2/revoke", data={"token": tokens["access_token"]}, auth=proof).status_code == 200
    failure(console.opens(tokens), "Unauthorized", 401)
    assert strict.token(console.refresh(tokens["refresh_token"]))


def test_a_key_goes_on_working_for_a_moment(database, line, deploy, monkeypatch):
    """A key the worker has just checked opens the data through a short outage."""
    monkeypatch.setattr(credentials, "CACHE_SECONDS", PATIENCE_SECONDS)  # however slow the machine is
    console = Console(deploy(database_url=database))
    key = {"token-key": console.issued.api_key}
    assert record(console.browser.get(LOOKUP, headers=key)) == VOUCHER
    line.cut()
    assert record(console.browser.get(LOOKUP, headers=key)) == VOUCHER


def test_the_log_of_a_fault_holds_no_secret(database, line, deploy, tmp_path):
    """The server's log says where and what kind of fault it was; no secret and nobody's phone is in it."""
    deployment = deploy(database_url=database)
    console = Console(deployment)
    tokens = console.tokens()
    server = Server(
        tmp_path,
        PROVIDER_DATABASE_URL=database,
        PROVIDER_SECRET_KEY=deployment.settings.secret_key,
        PROVIDER_SOURCE_DEMO_URL=deployment.settings.sources["demo"],
    )
    try:
        line.cut()
        with httpx2.Client(base_url=server.url) as http:
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            failure(http.get(LOOKUP, headers=headers), "SourceUnavailable", 503)
            own = {"client_id": console.id, "client_secret": console.issued.client_secret}
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **own}
            unavailable(http.post("/oauth2/token", data=form))
            unavailable(http.post("/oauth2/revoke", data={"token": tokens["refresh_token"], **own}))
        faults = [entry for entry in server.log() if entry["event"] == "fault"]
    finally:
        server.kill()
    assert len(faults) == 3
    assert {"error", "at", "request_id", "level", "time", "event"} == set(faults[0])
    for secret in (tokens["access_token"], tokens["refresh_token"], console.issued.client_secret, PHONE):
        assert secret not in server.output
