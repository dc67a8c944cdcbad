"""Every address states what authentication it needs, and needs it."""

import pytest
from support import failure

AUTHENTICATION = {
    "data.serve": "credentials",
    "tokens.token": "credentials",
    "oauth2.token": "client secret",
    "oauth2.revoke": "client secret",
    "oauth2.introspect": "client secret",
    "oauth2.metadata": "public",
    "consent.authorize": "one-time code",
    "callbacks.receive": "callback key",
    "webhooks.receive": "credentials",
    "health.healthz": "public",
    "health.readyz": "public",
}
"""A new address is entered here, or the test run fails: nothing is open to strangers by accident."""


@pytest.fixture
def routes(shared_deployment):
    """List every method of every address, with a value for each part that varies."""
    return [
        (rule.endpoint, method, rule.rule.replace("<dataset>", dataset).replace("<name>", dataset))
        for rule in shared_deployment.app.url_map.iter_rules()
        for method in sorted(rule.methods)
        for dataset in ("voucher", "nothing")
    ]


def test_every_address_states_its_authentication(shared_deployment):
    """The addresses of the app are exactly those that state what authentication they need."""
    assert {rule.endpoint for rule in shared_deployment.app.url_map.iter_rules()} == set(AUTHENTICATION)


def test_every_address_that_needs_a_key_refuses_a_call_without(shared_deployment, routes):
    """Without a key, an address that needs one answers 401 to every method but OPTIONS; with one it does not."""
    guarded = [route for route in routes if AUTHENTICATION[route[0]] == "credentials" and route[1] != "OPTIONS"]
    assert {method for _, method, _ in guarded} == {"GET", "HEAD", "POST"}
    key = shared_deployment.issue("routes").api_key
    for _, method, path in guarded:
        refused = shared_deployment.asking().open(path, method=method)
        assert refused.status_code == 401
        assert "WWW-Authenticate" in refused.headers
        if method != "HEAD":
            failure(refused, "Unauthorized", 401)
        assert shared_deployment.asking(key).open(path, method=method).status_code != 401


def test_every_public_address_answers_strangers(shared_deployment, routes):
    """A public address answers without a key, and holds nothing but states."""
    public = [route for route in routes if AUTHENTICATION[route[0]] == "public"]
    assert public
    for _, method, path in public:
        answer = shared_deployment.asking().open(path, method=method)
        assert answer.status_code == 200
        if method == "GET" and path.endswith("z"):
            assert set(answer.json) <= {"status", "databases"}


def test_every_oauth_address_refuses_a_call_without_a_secret(shared_deployment):
    """An address that needs a client's secret answers 401 in OAuth's own words without one."""
    guarded = [endpoint for endpoint, needed in AUTHENTICATION.items() if needed == "client secret"]
    assert len(guarded) == 3
    for rule in shared_deployment.app.url_map.iter_rules():
        if rule.endpoint in guarded:
            form = {"grant_type": "client_credentials", "token": "x"}
            answer = shared_deployment.asking().post(rule.rule, data=form)
            assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_every_callback_address_refuses_a_call_without_the_agreed_key(deploy):
    """An address Pango reports to answers 401 without the key agreed for callbacks; a client's key is no such key."""
    deployment = deploy(callback_api_keys=("agreed",))
    guarded = [rule for rule in deployment.app.url_map.iter_rules() if AUTHENTICATION[rule.endpoint] == "callback key"]
    assert guarded
    key = deployment.issue().api_key
    for rule in guarded:
        for headers in ({}, {"ApiKey": key}, {"ApiKey": "other"}):
            refused = deployment.asking(key).post(rule.rule, json={"data": {}}, headers=headers)
            failure(refused, "Unauthorized", 401)
            assert "WWW-Authenticate" in refused.headers
        assert deployment.asking().post(rule.rule, json={"data": {}}, headers={"ApiKey": "agreed"}).status_code == 200
