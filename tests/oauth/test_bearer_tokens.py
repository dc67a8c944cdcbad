"""Bearer tokens on data calls (RFC 6750): where they may be sent, and how each refusal is worded."""

import string
from datetime import UTC, datetime, timedelta

import pytest
import strict
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import PHONE, VOUCHER, failure, record

from provider.auth.access_tokens import AccessTokens
from provider.contract.envelope import Envelope
from provider.store.provider_database import open_database

LOOKUP = f"/v1/data/voucher?phone={PHONE}"


def fetch(deployment, issued, **headers):
    """Fetch a token from the Access Token API."""
    ask = deployment.asking(None if headers else issued.api_key)
    return record(ask.post("/v1/token", headers=headers))["accessToken"]


def grant(deployment, issued, scope=None):
    """Fetch a token from the OAuth token endpoint."""
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    response = deployment.app.test_client().post(
        "/oauth2/token", data=form, auth=(issued.client.client_id, issued.client_secret)
    )
    return strict.token(response)["access_token"]


def ask(deployment, **headers):
    """Look the sample person up with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return deployment.app.test_client().get(LOOKUP, headers=named)


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_is_read_in_any_case(deployment, get, scheme):
    """A token in the Authorization header opens the data, whichever way it was obtained and the scheme is written."""
    token = get(deployment, deployment.issue())
    assert record(ask(deployment, Authorization=f"{scheme} {token}")) == VOUCHER


def test_a_post_takes_a_token_too(deployment):
    """POST authenticates by the same header."""
    token = fetch(deployment, deployment.issue())
    headers = {"Authorization": f"Bearer {token}"}
    response = deployment.app.test_client().post("/v1/data/voucher", json={"phone": PHONE}, headers=headers)
    assert record(response) == VOUCHER


def test_no_credentials_get_a_bare_challenge(deployment):
    """A call without credentials is 401 with a Bearer challenge that has no error attribute (RFC 6750 section 3.1)."""
    for response in (ask(deployment), ask(deployment, Authorization=""), ask(deployment, Authorization="Basic eDp5")):
        failure(response, "Unauthorized", 401)
        assert strict.bearer(response) == {}
        assert strict.challenges(response) == {
            "ApiKey": {"realm": "data", "header": "token-key"},
            "Bearer": {"realm": "data"},
        }


@pytest.mark.parametrize(
    ("methods", "schemes", "named"),
    [
        (["api_key"], {"ApiKey"}, "your API key in the header Token-Key"),
        (["token"], {"Bearer"}, "a bearer token"),
        (["oauth"], {"Bearer"}, "a bearer token"),
        (["api_key", "oauth"], {"ApiKey", "Bearer"}, "your API key in the header Token-Key"),
    ],
)
def test_the_challenges_name_what_is_accepted(deploy, methods, schemes, named):
    """A 401 challenges with the schemes the deployment accepts, and its text names one of those ways."""
    response = ask(deploy(auth_methods=methods, api_key_header="Token-Key"))
    assert named in failure(response, "Unauthorized", 401)["message"]
    assert set(strict.challenges(response)) == schemes


@pytest.mark.parametrize("header", ["Bearer", "bearer ", "Bearer    "])
def test_a_scheme_without_a_token_is_malformed(deployment, header):
    """A Bearer header without a token is 400 invalid_request."""
    response = ask(deployment, Authorization=header)
    failure(response, "InvalidRequest", 400)
    assert strict.bearer(response) == {"error": "invalid_request"}


@pytest.mark.parametrize("text", ["x", "pat_", "pat_.", "pat_a.b", "a b", "é", '"', "pat_" + "x" * 5000, "eyJ.eyJ.x"])
def test_a_garbled_token_is_invalid(deployment, text):
    """A text that is not a token of ours is 401 invalid_token, never a 500."""
    response = ask(deployment, Authorization=f"Bearer {text}")
    failure(response, "Unauthorized", 401)
    assert strict.bearer(response) == {"error": "invalid_token"}


def test_every_changed_character_invalidates_a_token(deployment):
    """A token with one character changed, left out or added is refused."""
    issued = deployment.issue()
    engine = deployment.app.extensions["databases"]["provider"]
    tokens = AccessTokens(engine, deployment.settings.require_secret_key(), 900)
    token, read = tokens.issue(issued.client.id, "token")
    assert tokens.read(token) == read
    characters = string.ascii_letters + string.digits + "-_=.! \n"

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
    @given(place=st.integers(0, len(token)), put=st.sampled_from(["", *characters]), cut=st.integers(0, 1))
    def change(place, put, cut):
        changed = token[:place] + put + token[place + cut :]
        assert (tokens.read(changed) is None) == (changed != token)

    change()
    for put in characters:
        assert (tokens.read(token[:-1] + put) is None) == (put != token[-1])


def test_a_token_of_another_installation_is_invalid(deployment):
    """A token signed under another secret key opens nothing."""
    engine = open_database(deployment.settings)
    text, _ = AccessTokens(engine, b"another secret key of forty characters..", 900).issue(1, "token")
    engine.dispose()
    deployment.issue()
    assert strict.bearer(ask(deployment, Authorization=f"Bearer {text}")) == {"error": "invalid_token"}


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
def test_an_expired_token_is_invalid(deployment, get):
    """After its lifetime a token is 401 invalid_token."""
    token = get(deployment, deployment.issue())
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=900)):
        response = ask(deployment, Authorization=f"Bearer {token}")
    failure(response, "Unauthorized", 401)
    assert strict.bearer(response) == {"error": "invalid_token"}


def test_a_refused_token_is_answered_in_its_clients_envelope(deployment):
    """An expired token, and one that may not read the dataset, are refused in the key names of their client."""
    issued = deployment.issue(data_key="result", error_codes={"Unauthorized": "-102", "Forbidden": "-103"})
    token, own = grant(deployment, issued, "data:customer"), Envelope(data_key="result")
    failure(ask(deployment, Authorization=f"Bearer {token}"), "-103", 403, own)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=900)):
        failure(ask(deployment, Authorization=f"Bearer {token}"), "-102", 401, own)


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
def test_a_revoked_token_is_invalid_at_once(deployment, get):
    """A revoked token is 401 invalid_token from the next call on; the client's other tokens stay."""
    issued = deployment.issue()
    token, other = get(deployment, issued), get(deployment, issued)
    own = (issued.client.client_id, issued.client_secret)
    assert deployment.app.test_client().post("/oauth2/revoke", data={"token": token}, auth=own).status_code == 200
    response = ask(deployment, Authorization=f"Bearer {token}")
    failure(response, "Unauthorized", 401)
    assert strict.bearer(response) == {"error": "invalid_token"}
    assert record(ask(deployment, Authorization=f"Bearer {other}")) == VOUCHER


def test_the_tokens_of_a_revoked_client_are_invalid(deploy):
    """The tokens of a revoked client are refused."""
    deployment = deploy()
    issued = deployment.issue()
    token = fetch(deployment, issued)
    deployment.clients.revoke("pango")
    response = ask(deploy(), Authorization=f"Bearer {token}")  # a worker that has not met the client yet
    failure(response, "Unauthorized", 401)
    assert strict.bearer(response) == {"error": "invalid_token"}


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_a_header_of_the_deployments_choice_carries_a_token(deploy, prefix):
    """A console that cannot set Authorization sends the token in PROVIDER_TOKEN_HEADER, with the prefix or without."""
    deployment = deploy(token_header="X-Access-Token")
    issued = deployment.issue()
    token = fetch(deployment, issued)
    assert record(ask(deployment, X_Access_Token=prefix + token)) == VOUCHER
    assert record(ask(deployment, X_Access_Token=prefix + token, Authorization="Basic eDp5")) == VOUCHER
    assert record(ask(deployment, Authorization=f"Bearer {token}")) == VOUCHER
    assert record(ask(deployment, token_key=issued.api_key)) == VOUCHER
    assert strict.bearer(ask(deployment, X_Access_Token=prefix + "wrong")) == {"error": "invalid_token"}


def test_a_header_nobody_chose_carries_nothing(deployment):
    """Without PROVIDER_TOKEN_HEADER no other header is read for a token."""
    token = fetch(deployment, deployment.issue())
    assert strict.bearer(ask(deployment, X_Access_Token=token)) == {}


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_one_header_may_carry_a_key_or_a_token(deploy, prefix):
    """Where both headers have one name, a text that begins like a key is read as a key, any other as a token."""
    deployment = deploy(token_header="Token-Key")
    issued = deployment.issue()
    assert record(ask(deployment, token_key=prefix + fetch(deployment, issued))) == VOUCHER
    assert record(ask(deployment, token_key=issued.api_key)) == VOUCHER
    assert strict.bearer(ask(deployment, token_key="wrong")) == {"error": "invalid_token"}


def test_a_key_header_named_authorization_takes_keys_and_tokens(deploy):
    """Where the key's header is Authorization, a bare key is a key, and Bearer begins a token."""
    deployment = deploy(api_key_header="Authorization")
    issued = deployment.issue()
    token = fetch(deployment, issued, Authorization=issued.api_key)
    assert record(ask(deployment, Authorization=issued.api_key)) == VOUCHER
    assert record(ask(deployment, Authorization=f"Bearer {token}")) == VOUCHER
    assert strict.bearer(ask(deployment, Authorization="Bearer wrong")) == {"error": "invalid_token"}
    assert strict.bearer(ask(deployment)) == {}


def test_a_token_header_named_authorization_needs_no_prefix(deploy):
    """Where the token's header is Authorization, a bare token does as well."""
    deployment = deploy(token_header="Authorization")
    token = fetch(deployment, deployment.issue())
    assert record(ask(deployment, Authorization=token)) == VOUCHER
    assert record(ask(deployment, Authorization=f"Bearer {token}")) == VOUCHER


def test_two_credentials_at_once_are_refused(deploy):
    """A key beside a token, or two tokens, are 400 invalid_request, even when all of them hold."""
    deployment = deploy(token_header="X-Access-Token")
    issued = deployment.issue()
    key, token = issued.api_key, fetch(deployment, issued)
    for headers in (
        {"token_key": key, "Authorization": f"Bearer {token}"},
        {"token_key": key, "X_Access_Token": token},
        {"X_Access_Token": token, "Authorization": f"Bearer {token}"},
        {"token_key": key, "Authorization": "Bearer"},
    ):
        response = ask(deployment, **headers)
        failure(response, "InvalidRequest", 400)
        assert strict.bearer(response) == {"error": "invalid_request"}


def test_a_token_in_the_address_or_the_body_is_refused(deployment):
    """A token is read from headers alone; in the query or the body it is refused beside valid credentials too."""
    issued = deployment.issue()
    token = fetch(deployment, issued)
    anyone, known = deployment.app.test_client(), deployment.asking(issued.api_key)
    both = {"phone": PHONE, "access_token": token}
    for response in (
        anyone.get("/v1/data/voucher", query_string=both),
        anyone.post("/v1/data/voucher", data=both),
        anyone.post("/v1/data/voucher", json=both),
    ):
        failure(response, "Unauthorized", 401)
        assert strict.bearer(response) == {}
    for response in (
        known.get("/v1/data/voucher", query_string=both),
        known.post("/v1/data/voucher", data=both),
        known.post("/v1/data/voucher", json=both),
    ):
        failure(response, "InvalidRequest", 400)


def test_a_key_is_no_token_and_a_token_no_key(deployment):
    """An API key after Bearer, or a token in the key's header, is refused."""
    issued = deployment.issue()
    token = fetch(deployment, issued)
    for text in (issued.api_key, issued.client_secret):
        assert strict.bearer(ask(deployment, Authorization=f"Bearer {text}")) == {"error": "invalid_token"}
    for text in (token, issued.client_secret):
        failure(ask(deployment, token_key=text), "Unauthorized", 401)


@pytest.mark.parametrize(("get", "method"), [(fetch, "token"), (grant, "oauth")], ids=["token API", "OAuth"])
def test_a_method_the_client_or_the_deployment_does_without_opens_nothing(deploy, get, method):
    """A method is refused that is off in the settings, whatever the client was given, or that the client lacks."""
    deployment = deploy()
    token = get(deployment, deployment.issue())
    others = sorted({"api_key", "token", "oauth"} - {method})
    off = deploy(auth_methods=others)
    response = ask(off, Authorization=f"Bearer {token}")
    failure(response, "Unauthorized", 401)
    assert strict.bearer(response) == {}
    only = deployment.clients.create("only", {}, auth_methods=[method])
    token = get(deployment, only)
    assert record(ask(deployment, Authorization=f"Bearer {token}")) == VOUCHER
    failure(ask(off, Authorization=f"Bearer {token}"), "Unauthorized", 401)
    refused = ask(deployment, token_key=only.api_key)
    assert failure(refused, "Unauthorized", 401)["message"] == "This client may not use api_key."
    strict.challenges(refused)


def test_fixed_headers_are_needed_beside_a_token(deploy):
    """The deployment's fixed headers are needed however the caller proves itself."""
    deployment = deploy(required_headers={"X-Channel": "pango"})
    token = fetch(deployment, deployment.issue())
    failure(ask(deployment, Authorization=f"Bearer {token}"), "Unauthorized", 401)
    assert record(ask(deployment, Authorization=f"Bearer {token}", X_Channel="pango")) == VOUCHER


def test_a_scope_limits_a_token(deployment):
    """A token reads the datasets of its scope; another one is 403 insufficient_scope that names what is lacking."""
    issued = deployment.issue()
    token = grant(deployment, issued, "data:customer")
    response = ask(deployment, Authorization=f"Bearer {token}")
    failure(response, "Forbidden", 403)
    assert strict.bearer(response) == {"error": "insufficient_scope", "scope": "data:voucher"}
    customer = deployment.app.test_client().get(
        f"/v1/data/customer?phone={PHONE}", headers={"Authorization": f"Bearer {token}"}
    )
    assert record(customer)


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
def test_a_token_reads_what_its_client_may(deployment, get):
    """A client reads the datasets and the fields it was granted and only those, by key and by token alike."""
    issued = deployment.clients.create("pango", {}, grants={"voucher": {"code": None}})
    headers = {"Authorization": f"Bearer {get(deployment, issued)}"}
    assert record(ask(deployment, **headers)) == {"code": VOUCHER["code"]}
    assert record(ask(deployment, token_key=issued.api_key)) == {"code": VOUCHER["code"]}
    other = deployment.app.test_client().get(f"/v1/data/customer?phone={PHONE}", headers=headers)
    failure(other, "Forbidden", 403)
    by_key = deployment.asking(issued.api_key).get(f"/v1/data/customer?phone={PHONE}")
    failure(by_key, "Forbidden", 403)
    if get is grant:
        assert strict.bearer(other) == {"error": "insufficient_scope", "scope": "data:customer"}


@pytest.mark.parametrize("get", [fetch, grant], ids=["token API", "OAuth"])
def test_an_unknown_dataset_is_not_found(deployment, get):
    """A dataset that does not exist is 404 beside a token that holds."""
    headers = {"Authorization": f"Bearer {get(deployment, deployment.issue())}"}
    failure(deployment.app.test_client().get("/v1/data/nowhere", headers=headers), "UnknownDataset", 404)
