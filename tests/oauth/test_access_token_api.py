"""The Access Token API: every way a client may prove itself, and what it gets (PangoCDP, "Access Token Api")."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import strict
import time_machine
from sqlalchemy import event
from support import NOON, PHONE, VOUCHER, envelope_of, eventually, failure, form, record

from provider.auth.keys import API_KEY, make_key
from provider.contract.envelope import Envelope
from provider.errors import ConfigurationError


def basic(name, secret, *, scheme="Basic"):
    """Write HTTP Basic credentials as they are, without the encoding of RFC 6749."""
    return {"Authorization": f"{scheme} {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


def look_up(app, token):
    """Look the sample person up with a token."""
    return app.test_client().get(f"/v1/data/voucher?phone={PHONE}", headers={"Authorization": f"Bearer {token}"})


WAYS = {
    "key in its header, GET": lambda ask, issued: ask.get("/v1/token", headers={"token-key": issued.api_key}),
    "key in its header, POST": lambda ask, issued: ask.post("/v1/token", headers={"token-key": issued.api_key}),
    "Basic, GET": lambda ask, issued: ask.get("/v1/token", auth=(issued.client.client_id, issued.client_secret)),
    "Basic, POST": lambda ask, issued: ask.post("/v1/token", auth=(issued.client.client_id, issued.client_secret)),
    "Basic, any case": lambda ask, issued: ask.get(
        "/v1/token", headers=basic(issued.client.client_id, issued.client_secret, scheme="bAsIC")
    ),
    "Basic, encoded": lambda ask, issued: ask.get(
        "/v1/token", headers=basic(issued.client.client_id, issued.client_secret.replace("_", "%5F"))
    ),
    "Basic, API key": lambda ask, issued: ask.get("/v1/token", auth=(issued.client.client_id, issued.api_key)),
    "JSON": lambda ask, issued: ask.post(
        "/v1/token", json={"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    ),
    "JSON, API key": lambda ask, issued: ask.post(
        "/v1/token", json={"clientId": issued.client.client_id, "clientSecret": issued.api_key, "more": [1]}
    ),
    "form": lambda ask, issued: ask.post(
        "/v1/token", data={"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    ),
    "multipart form": lambda ask, issued: _multipart(
        ask, {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    ),
}


def _multipart(ask, pairs):
    body, kind = form(pairs)
    return ask.post("/v1/token", data=body, content_type=kind)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_gets_a_token_that_works(deployment, way):
    """Id and secret, or an API key, get a token by header, Basic, JSON or form, and it opens the data."""
    data = record(way(deployment.app.test_client(), deployment.issue()))
    assert list(data) == ["accessToken", "tokenType", "expiresIn", "expiresAt"]
    assert record(look_up(deployment.app, data["accessToken"])) == VOUCHER


def test_a_token_says_how_long_it_lives(deploy):
    """A token lives TOKEN_TTL seconds: told in seconds, and as its end in milliseconds since the epoch."""
    deployment = deploy(token_ttl=120)
    ask = deployment.asking(deployment.issue().api_key)
    with time_machine.travel(NOON, tick=False) as clock:
        data = record(ask.get("/v1/token"))
        assert (data["tokenType"], data["expiresIn"]) == ("Bearer", 120)
        assert data["expiresAt"] == (NOON + timedelta(seconds=120)).timestamp() * 1000
        clock.shift(119)
        assert record(look_up(deployment.app, data["accessToken"])) == VOUCHER
        clock.shift(1)
        ended = look_up(deployment.app, data["accessToken"])
    failure(ended, "Unauthorized", 401)
    assert strict.bearer(ended) == {"error": "invalid_token"}


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_token_lives_at_least_a_second(deploy, seconds):
    """A lifetime under a second stops the start: every token would be refused."""
    with pytest.raises(ConfigurationError, match="PROVIDER_TOKEN_TTL"):
        deploy(token_ttl=seconds)


def test_every_call_gets_a_fresh_token_and_earlier_ones_stay_valid(deployment):
    """Calls side by side get tokens that all differ and all work: Pango fetches one before every data call."""
    issued = deployment.issue()

    def fetch(_):
        return record(deployment.asking(issued.api_key).post("/v1/token"))["accessToken"]

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(fetch, range(24)))
    assert len(set(tokens)) == 24
    assert all(record(look_up(deployment.app, token)) == VOUCHER for token in tokens)


def test_issuing_a_token_writes_nothing(deployment):
    """Issuing a token does not use the database, but to store when a key was last used, once a minute."""
    engine = deployment.app.extensions["databases"]["provider"]
    ask = deployment.asking(deployment.issue().api_key)
    with time_machine.travel(NOON, tick=False):
        record(ask.post("/v1/token"))
        eventually(lambda: deployment.clients.get("pango").credentials[0].last_used_at)
        statements = []
        event.listen(engine, "before_cursor_execute", lambda *details: statements.append(details[2]))
        for _ in range(20):
            record(ask.post("/v1/token"))
    assert statements == []


@pytest.mark.parametrize("kind", ["api_key", "client_secret"])
def test_fetching_a_token_is_a_use_of_the_key(deployment, kind):
    """When a key or a secret was last used is kept to the minute, however it is used."""
    issued = deployment.issue()
    with time_machine.travel(NOON + timedelta(seconds=42), tick=False):
        ask = deployment.app.test_client()
        record(ask.get("/v1/token", auth=(issued.client.client_id, getattr(issued, kind))))

        def last_used():
            return {key.kind: key.last_used_at for key in deployment.clients.get("pango").credentials}

        assert eventually(lambda: last_used()[kind]) == NOON


def test_credentials_in_the_address_are_refused(deployment):
    """Credentials in the query are refused however genuine they are: addresses end up in logs."""
    issued = deployment.issue()
    own = {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    ask = deployment.app.test_client()
    for query in (own, {"clientId": own["clientId"]}, {"clientSecret": own["clientSecret"]}, {"clientSecret": ""}):
        failure(ask.get("/v1/token", query_string=query), "InvalidRequest", 400)
        failure(ask.post("/v1/token", query_string=query), "InvalidRequest", 400)
        failure(ask.post("/v1/token", query_string=query, json=own), "InvalidRequest", 400)
        failure(ask.get("/v1/token", query_string=query, headers={"token-key": issued.api_key}), "InvalidRequest", 400)


def test_a_key_in_the_address_is_no_key(deployment):
    """An API key under its header's name in the query is not read."""
    issued = deployment.issue()
    failure(deployment.app.test_client().get(f"/v1/token?token-key={issued.api_key}"), "Unauthorized", 401)


def test_the_body_of_a_get_is_not_read(deployment):
    """A GET may send its credentials in headers only."""
    issued = deployment.issue()
    own = {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    failure(deployment.app.test_client().get("/v1/token", json=own), "Unauthorized", 401)


def test_the_names_in_the_body_are_the_deployments(deploy):
    """The fields of id and secret have the configured names, and the default ones mean nothing then."""
    deployment = deploy(token_id_field="user", token_secret_field="pass")
    issued = deployment.issue()
    ask = deployment.app.test_client()
    own = {"user": issued.client.client_id, "pass": issued.client_secret}
    assert record(ask.post("/v1/token", json=own))["accessToken"]
    assert record(ask.post("/v1/token", data=own))["accessToken"]
    failure(ask.get("/v1/token", query_string=own), "InvalidRequest", 400)
    other = {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    missing = failure(ask.post("/v1/token", json=other), "Unauthorized", 401)
    assert "user and pass" in missing["message"]


def test_two_ways_at_once_are_refused(deployment):
    """Credentials in two places are refused, even when both are right."""
    issued = deployment.issue()
    ask = deployment.app.test_client()
    key = {"token-key": issued.api_key}
    proof = basic(issued.client.client_id, issued.client_secret)
    body = {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    failure(ask.get("/v1/token", headers={**key, **proof}), "InvalidRequest", 400)
    failure(ask.post("/v1/token", headers=key, json=body), "InvalidRequest", 400)
    failure(ask.post("/v1/token", headers=proof, data=body), "InvalidRequest", 400)


@pytest.mark.parametrize(
    "body",
    [
        {"clientId": "someone"},
        {"clientSecret": "something"},
        {"clientId": "someone", "clientSecret": ""},
        {"clientId": "someone", "clientSecret": 5},
        {"clientId": ["someone"], "clientSecret": "something"},
        {"clientId": {}, "clientSecret": {}},
    ],
)
def test_half_of_the_credentials_is_an_invalid_request(deployment, body):
    """Id and secret are both needed, both as text."""
    failure(deployment.app.test_client().post("/v1/token", json=body), "InvalidRequest", 400)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic abc",
        "Basic /w==",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\x80").decode(),
        "Basic " + base64.b64encode(b"%ff:%fe").decode(),
        "Basic \xff\xfe",
        "Digest username=x",
        "Bearer something",
        "nonsense",
    ],
)
def test_garbled_credentials_are_a_401(deployment, header):
    """What cannot be decoded is 401 with a challenge, never a 500."""
    response = deployment.app.test_client().get("/v1/token", headers={"Authorization": header})
    failure(response, "Unauthorized", 401)
    assert strict.challenges(response) == {"Basic": {"realm": "token", "charset": "UTF-8"}}


@pytest.mark.parametrize(
    "secret", ["a:b", "50%", "1+1", "a/b", "with space", "Nguyễn", "\x00", "%00", "pak_x", "x" * 9000]
)
def test_any_characters_are_only_a_wrong_secret(deployment, secret):
    """A secret of any characters and length is refused without an error, in whichever place it comes."""
    client_id = deployment.issue().client.client_id
    ask = deployment.app.test_client()
    failure(ask.get("/v1/token", headers=basic(client_id, secret)), "Unauthorized", 401)
    failure(ask.get("/v1/token", headers=basic(quote(client_id), quote(secret, safe=""))), "Unauthorized", 401)
    failure(ask.post("/v1/token", json={"clientId": secret, "clientSecret": secret}), "Unauthorized", 401)
    failure(ask.post("/v1/token", data={"clientId": client_id, "clientSecret": secret}), "Unauthorized", 401)


def test_an_unknown_id_and_a_wrong_secret_look_the_same(deployment):
    """An unknown id and a wrong, foreign or ended secret get the same answer, so that nobody learns which ids exist."""
    issued, other = deployment.issue(), deployment.issue("other")
    ended = deployment.clients.issue_trial("pango", API_KEY, timedelta(seconds=-1))
    ask = deployment.app.test_client()
    answers = [
        ask.post("/v1/token", json={"clientId": client_id, "clientSecret": secret})
        for client_id, secret in [
            ("unknown", issued.client_secret),
            (issued.client.client_id, make_key("client_secret").text),
            (issued.client.client_id, other.client_secret),
            (issued.client.client_id, ended),
        ]
    ]
    assert len({response.data for response in answers}) == 1
    for response in answers:
        failure(response, "Unauthorized", 401)
        assert strict.challenges(response) == {"Basic": {"realm": "token", "charset": "UTF-8"}}


def test_answers_are_in_the_clients_own_envelope(deployment):
    """A success, and a failure of a genuine but ended secret, have the key names of their client."""
    issued = deployment.issue(
        success_key="isSuccess", data_key="body", message_key="msg", error_code_key="responseCode"
    )
    own = Envelope(success_key="isSuccess", data_key="body", message_key="msg", error_code_key="responseCode")
    deployment.clients.rotate("pango", timedelta(hours=1))
    ask = deployment.app.test_client()
    body = {"clientId": issued.client.client_id, "clientSecret": issued.client_secret}
    assert record(ask.get("/v1/token", headers={"token-key": issued.api_key}), own)["accessToken"]
    failure(ask.get("/v1/token", auth=("another id", issued.client_secret)), "Unauthorized", 401, own)
    failure(ask.get("/v1/token", auth=("another id", "unknown")), "Unauthorized", 401)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        failure(ask.post("/v1/token", json=body), "Unauthorized", 401, own)
        failure(ask.get("/v1/token", headers={"token-key": issued.api_key}), "Unauthorized", 401, own)


def test_a_revoked_client_gets_no_token(deployment):
    """A revoked client is refused, in its own envelope."""
    issued = deployment.issue(data_key="result")
    deployment.clients.revoke("pango")
    response = deployment.asking(issued.api_key).get("/v1/token")
    failure(response, "Unauthorized", 401, Envelope(data_key="result"))


def test_the_old_secret_works_in_the_rotation_window_only(deployment):
    """After a rotation the old secret gets tokens until the overlap ends, and the new one from the start."""
    issued = deployment.issue()
    rotated = deployment.clients.rotate("pango", timedelta(hours=1))
    ask = deployment.app.test_client()

    def fetch(secret):
        return ask.get("/v1/token", auth=(issued.client.client_id, secret))

    assert record(fetch(issued.client_secret))["accessToken"]
    assert record(fetch(rotated.client_secret))["accessToken"]
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        failure(fetch(issued.client_secret), "Unauthorized", 401)
        assert record(fetch(rotated.client_secret))["accessToken"]


def test_a_client_without_the_method_gets_no_token(deployment):
    """A client that may not use tokens is told so."""
    issued = deployment.clients.create("pango", {}, auth_methods=["api_key", "oauth"])
    failure(deployment.asking(issued.api_key).get("/v1/token"), "Forbidden", 403)


def test_a_deployment_without_the_method_has_no_token_api(deploy):
    """Where tokens are off, the address serves nothing."""
    deployment = deploy(auth_methods=["api_key", "oauth"])
    failure(deployment.asking(deployment.issue().api_key).get("/v1/token"), "UnknownDataset", 404)


def test_a_key_header_named_authorization_takes_a_key_or_basic(deploy):
    """Where the key's header is Authorization, a key there gets a token, and Basic goes on working."""
    deployment = deploy(api_key_header="Authorization")
    issued = deployment.issue()
    ask = deployment.app.test_client()
    assert record(ask.get("/v1/token", headers={"Authorization": issued.api_key}))["accessToken"]
    assert record(ask.get("/v1/token", auth=(issued.client.client_id, issued.client_secret)))["accessToken"]
    failure(ask.get("/v1/token", headers={"Authorization": make_key(API_KEY).text}), "Unauthorized", 401)
    failure(ask.get("/v1/token", headers={"Authorization": "Basic !!!"}), "Unauthorized", 401)


def test_errors_of_http_are_in_the_envelope(deployment):
    """Other methods, other media types, broken JSON and a body over the limit are answered as everywhere."""
    ask = deployment.app.test_client()
    refused = ask.put("/v1/token")
    failure(refused, "MethodNotAllowed", 405)
    assert {"GET", "POST", "HEAD"} <= set(refused.headers["Allow"].split(", "))
    failure(ask.post("/v1/token", data="<a/>", content_type="application/xml"), "UnsupportedMediaType", 415)
    failure(ask.post("/v1/token", data="{", content_type="application/json"), "InvalidRequest", 400)
    failure(ask.post("/v1/token", data="x" * 70_000, content_type="application/json"), "PayloadTooLarge", 413)


def test_head_is_get_without_the_body(deployment):
    """HEAD answers like GET, without a body."""
    response = deployment.asking(deployment.issue().api_key).head("/v1/token")
    assert (response.status_code, response.data) == (200, b"")


def test_a_client_that_always_wants_200_gets_it(deployment):
    """With `always_200` a refusal is HTTP 200, and the envelope says that it failed."""
    issued = deployment.issue(http_status="always_200")
    deployment.clients.revoke("pango")
    response = deployment.asking(issued.api_key).get("/v1/token")
    content = envelope_of(response, Envelope(http_status="always_200"))
    assert (response.status_code, content["success"], content["errorCode"]) == (200, False, "Unauthorized")
