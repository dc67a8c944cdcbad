"""Two worker processes over one database: what one does holds in the other at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest
import strict
from partner import AUTHORIZE, CALLBACK, Pkce
from services import postgresql_database
from support import PHONE, VOUCHER, eventually, failure, record

from provider.auth.keys import CONSENT_CODE, Pepper
from provider.auth.one_time_secrets import OneTimeSecrets

LOOKUP = f"/v1/data/voucher?phone={PHONE}"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def installation(request, install):
    """Start two servers of one worker each over one database."""
    with ExitStack() as stack:
        url = stack.enter_context(postgresql_database()) if request.param == "PostgreSQL" else ""
        installation = install(servers=2, database_url=url)
        yield installation
        installation.close()


@pytest.fixture
def workers(installation):
    """Give an HTTP client of each worker."""
    with ExitStack() as stack:
        yield [stack.enter_context(httpx2.Client(base_url=server.url)) for server in installation.servers]


@pytest.fixture
def issued(installation):
    """Give a client of its own."""
    number = len(installation.clients.list())
    return installation.clients.create(f"client-{number}", {}, redirect_uris=[CALLBACK])


@pytest.fixture
def consent_code(installation, issued):
    """Make a one-time code, as `provider client consent` does."""
    one_time_secrets = OneTimeSecrets(installation.engine, Pepper(installation.settings.require_secret_key()))
    return one_time_secrets.make(CONSENT_CODE, client=issued.client.id)


def look_up(worker, token):
    """Look the sample person up with a token."""
    return worker.get(LOOKUP, headers={"Authorization": f"Bearer {token}"})


def own(issued):
    """Give a client's credentials."""
    return issued.client.client_id, issued.client_secret


def fetch(worker, issued):
    """Fetch a token from the Access Token API."""
    return record(worker.post("/v1/token", headers={"token-key": issued.api_key}))["accessToken"]


def grant(worker, issued):
    """Fetch a token from the OAuth token endpoint."""
    answer = worker.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=own(issued))
    return strict.token(answer)["access_token"]


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
def test_a_token_of_one_works_in_the_other(workers, issued, get):
    """A token opens the data in both workers, whichever issued it."""
    for issuer in workers:
        token = get(issuer, issued)
        for worker in workers:
            assert record(look_up(worker, token)) == VOUCHER
            answer = worker.post("/oauth2/introspect", data={"token": token}, auth=own(issued))
            assert strict.document(answer)["active"] is True


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
def test_a_revocation_in_one_holds_in_the_other_at_once(workers, issued, get):
    """A token that both workers just took is refused by both right after either of them revoked it."""
    for revoker in workers:
        token = get(workers[0], issued)
        for worker in workers:
            assert record(look_up(worker, token)) == VOUCHER
        assert revoker.post("/oauth2/revoke", data={"token": token}, auth=own(issued)).status_code == 200
        for worker in workers:
            answer = look_up(worker, token)
            failure(answer, "Unauthorized", 401)
            assert strict.bearer(answer) == {"error": "invalid_token"}
            inactive = worker.post("/oauth2/introspect", data={"token": token}, auth=own(issued))
            assert strict.document(inactive) == {"active": False}


def test_the_flow_may_change_workers_at_every_step(workers, issued, consent_code):
    """Page, consent, code, refresh and a theft may each meet another worker; the theft ends the family in both."""
    here, there = workers
    pkce = Pkce()
    asked = pkce.asked(client_id=issued.client.client_id)
    assert here.get(AUTHORIZE, params=asked).status_code == 200
    form = {"consent_code": consent_code, "decision": "allow"}
    code = strict.redirect(there.post(AUTHORIZE, params=asked, data=form), CALLBACK)["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    first = strict.token(here.post("/oauth2/token", data=form, auth=own(issued)))
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = strict.token(there.post("/oauth2/token", data=form, auth=own(issued)))
    for token in (first, second):
        for worker in workers:
            assert record(look_up(worker, token["access_token"])) == VOUCHER
    strict.error(here.post("/oauth2/token", data=form, auth=own(issued)), "invalid_grant")
    for token in (first, second):
        for worker in workers:
            failure(look_up(worker, token["access_token"]), "Unauthorized", 401)
    form = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
    strict.error(there.post("/oauth2/token", data=form, auth=own(issued)), "invalid_grant")


def test_a_one_time_code_works_once_in_both_together(workers, issued, consent_code):
    """A consent code that is sent to both workers at the same moment lets one of them in."""
    asked = Pkce().asked(client_id=issued.client.client_id)
    start = threading.Barrier(8)

    def decide(worker):
        start.wait()
        return worker.post(AUTHORIZE, params=asked, data={"consent_code": consent_code, "decision": "allow"})

    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(decide, workers * 4)]
    assert statuses.count(302) == 1
    assert set(statuses) <= {302, 403, 429}


@pytest.mark.parametrize("installation", ["SQLite"], indirect=True)  # what workers remember is the same on all
def test_a_revoked_client_ends_in_both(installation, workers, issued):
    """A client that is revoked by command is refused by every worker within the seconds the command names."""
    token = fetch(workers[0], issued)
    for worker in workers:
        assert record(look_up(worker, token)) == VOUCHER
    installation.clients.revoke(issued.client.name)
    for worker in workers:
        eventually(lambda worker=worker: look_up(worker, token).status_code == 401)
        failure(worker.get("/v1/token", headers={"token-key": issued.api_key}), "Unauthorized", 401)
