"""The OAuth token endpoint (RFC 6749 section 3.2) and client_credentials (section 4.4) with scopes."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
import strict
import time_machine
from partner import CALLBACK
from sqlalchemy import event
from support import BUILT_IN, PHONE, SAMPLES, VOUCHER, record

from provider.auth.keys import make_key

TOKEN = "/oauth2/token"
FORM = "application/x-www-form-urlencoded"
EVERYTHING = " ".join(f"data:{name}" for name in SAMPLES + BUILT_IN)


@pytest.fixture
def issued(deployment):
    """Give a client that may use every grant."""
    return deployment.clients.create("pango", {}, redirect_uris=[CALLBACK])


@pytest.fixture
def ask(deployment, issued):
    """Give a way to ask the token endpoint: with Basic unless told otherwise."""

    def ask(form=None, *, auth=(issued.client.client_id, issued.client_secret), **more):
        asked = {"grant_type": "client_credentials"} if form is None else form
        return deployment.app.test_client().post(TOKEN, data=asked, auth=auth, **more)

    return ask


def own(issued, **more):
    """Give a client's credentials as form parameters."""
    return {
        "grant_type": "client_credentials",
        "client_id": issued.client.client_id,
        "client_secret": issued.client_secret,
        **more,
    }


def test_basic_and_form_get_a_token_that_works(deployment, ask, issued):
    """A client proves itself by HTTP Basic or in the form, and its token opens the data."""
    for response in (ask(), ask(own(issued), auth=None)):
        token = strict.token(response)
        assert token["scope"] == EVERYTHING
        assert token["expires_in"] == 900
        assert "refresh_token" not in token
        headers = {"Authorization": f"{token['token_type']} {token['access_token']}"}
        assert record(deployment.app.test_client().get(f"/v1/data/voucher?phone={PHONE}", headers=headers)) == VOUCHER


def test_the_lifetime_is_a_setting(deploy):
    """A token lives TOKEN_TTL seconds, not the ten days of Authlib."""
    deployment = deploy(token_ttl=60)
    response = deployment.app.test_client().post(TOKEN, data=own(deployment.issue()))
    assert strict.token(response)["expires_in"] == 60


@pytest.mark.parametrize("safe", ["", "_"])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_basic_credentials_are_decoded(ask, issued, safe, scheme):
    """Basic holds the id and the secret form-encoded (RFC 6749 section 2.3.1), under its scheme in any case."""
    pair = ":".join(quote(text, safe=safe) for text in (issued.client.client_id, issued.client_secret))
    encoded = pair.replace("_", "%5f") if not safe else pair
    header = f"{scheme} {base64.b64encode(encoded.encode()).decode()}"
    assert strict.token(ask(auth=None, headers={"Authorization": header}))


def test_the_client_id_may_stand_beside_basic(ask, issued):
    """A client that repeats its id in the form still authenticates in one way."""
    assert strict.token(ask({"grant_type": "client_credentials", "client_id": issued.client.client_id}))


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head"])
def test_only_post_is_allowed(deployment, method):
    """Anything but POST is 405 and says what is allowed."""
    response = getattr(deployment.app.test_client(), method)(TOKEN)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("name", ["client_secret", "client_id", "grant_type", "anything"])
def test_nothing_is_taken_from_the_address(deployment, issued, name):
    """Parameters in the query are refused, secret or not: a form is sent in the body."""
    form = own(issued)
    response = deployment.app.test_client().post(TOKEN, data=form, query_string={name: form.get(name, "x")})
    strict.error(response, "invalid_request")
    everything = deployment.app.test_client().post(TOKEN, query_string=form)
    strict.error(everything, "invalid_request")


@pytest.mark.parametrize("missing", [{}, {"grant_type": ""}, {"scope": "data:voucher"}])
def test_a_missing_grant_type_is_an_invalid_request(ask, missing):
    """Without a grant type the request is invalid, not its grant type unsupported."""
    strict.error(ask(missing), "invalid_request")


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id", "client_secret", "unknown"])
def test_a_repeated_parameter_is_an_invalid_request(ask, issued, name):
    """A parameter that comes twice is refused, even with the same value (RFC 6749 section 3.2)."""
    form = own(issued, scope="data:voucher", unknown="x")
    body = f"{urlencode(form)}&{urlencode({name: form[name]})}"
    strict.error(ask(body, auth=None, content_type=FORM), "invalid_request")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"grant_type":"client_credentials"}', "application/json"),
        ("grant_type=client_credentials", "text/plain"),
        ("grant_type=client_credentials", ""),
        ("--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_only_a_form_is_read(ask, body, kind):
    """Another media type is an invalid request."""
    strict.error(ask(body, content_type=kind), "invalid_request")


@pytest.mark.parametrize("body", [b"grant_type=\xff\xfe", b"grant_type=%ff", b"grant_type=client_credentials&x=%80"])
def test_a_form_that_is_not_utf8_is_an_invalid_request(ask, body):
    """What is not UTF-8 is refused, not replaced."""
    strict.error(ask(body, content_type=FORM), "invalid_request")


def test_two_ways_of_authenticating_are_an_invalid_request(ask, issued):
    """Credentials in the header and in the form are refused, even when both are right (RFC 6749 section 2.3)."""
    strict.error(ask(own(issued)), "invalid_request")
    strict.error(ask({"grant_type": "client_credentials", "client_secret": ""}), "invalid_request")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic abc",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\x80").decode(),
        "Basic " + base64.b64encode(b"%ff:%fe").decode(),
        "Basic " + base64.b64encode("Nguyễn:50% + a/b".encode()).decode(),
        "Basic \xff",
        "Bearer something",
        "Digest x=y",
    ],
)
def test_garbled_credentials_are_an_invalid_client(ask, header):
    """What cannot be decoded is 401 invalid_client with a Basic challenge, never a 500."""
    strict.error(ask(auth=None, headers={"Authorization": header}), "invalid_client", 401)


def test_unknown_ids_and_wrong_secrets_look_the_same(deployment, ask, issued):
    """No credentials, an unknown id, a wrong, ended or foreign secret: one answer for all of them."""
    other = deployment.issue("other")
    ended = deployment.clients.issue_trial("pango", "client_secret", timedelta(seconds=-1))
    client_id = issued.client.client_id
    answers = [ask(auth=None), ask(auth=("unknown", issued.client_secret))]
    answers += [
        ask(auth=(client_id, secret))
        for secret in (make_key("client_secret").text, ended, other.client_secret, issued.api_key)
    ]
    answers += [ask(own(issued, client_secret="wrong"), auth=None)]
    assert {strict.error(response, "invalid_client", 401) for response in answers} == {"Client authentication failed."}
    assert len({response.data for response in answers}) == 1


def test_an_unknown_id_takes_as_long_as_a_wrong_secret(deployment, ask, issued):
    """Unknown ids and wrong secrets run the same statements, so that the time of the answer is the same."""
    engine = deployment.app.extensions["databases"]["provider"]
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *details: statements.append(details[2]))
    asked = []
    for client_id in ("unknown", issued.client.client_id):
        for secret in ("wrong", make_key("client_secret").text, f"{issued.client_secret[:-1]}_"):
            ask(auth=(client_id, secret))
        asked.append(list(statements))
        statements.clear()
    assert asked[0] == asked[1]
    assert len(asked[0]) == 1, "a secret that cannot be one is refused before the database is asked"


def test_a_client_id_alone_is_no_authentication(ask, issued):
    """There are no public clients: an id without a secret is refused."""
    form = {"grant_type": "client_credentials", "client_id": issued.client.client_id}
    strict.error(ask(form, auth=None), "invalid_client", 401)


def test_a_revoked_client_is_an_invalid_client(deployment, ask):
    """A revoked client does not authenticate any more."""
    deployment.clients.revoke("pango")
    strict.error(ask(), "invalid_client", 401)


def test_the_old_secret_works_in_the_rotation_window_only(deployment, ask, issued):
    """After a rotation both secrets get tokens until the overlap ends, then the new one alone."""
    rotated = deployment.clients.rotate("pango", timedelta(hours=1))
    strict.token(ask())
    strict.token(ask(auth=(issued.client.client_id, rotated.client_secret)))
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        strict.error(ask(), "invalid_client", 401)
        strict.token(ask(auth=(issued.client.client_id, rotated.client_secret)))


@pytest.mark.parametrize(
    "grant", ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "CLIENT_CREDENTIALS"]
)
def test_other_grants_are_unsupported(ask, grant):
    """The password grant, the implicit one and all that the metadata does not name are refused."""
    strict.error(ask({"grant_type": grant, "username": "x", "password": "y"}), "unsupported_grant_type")


@pytest.mark.parametrize("name", ["grant_type", "scope", "redirect_uri", "client_id", "code", "refresh_token", "state"])
@pytest.mark.parametrize("value", ['a"b', "a\\b", "Nguyễn", "\x7f", "a\x00b", "a\nb"])
def test_no_answer_quotes_a_character_it_may_not(ask, name, value):
    """Error texts keep to the characters of RFC 6749 section 5.2, whatever was sent."""
    for grant in ("client_credentials", "authorization_code", "refresh_token"):
        response = ask({"grant_type": grant, name: value})
        if response.status_code != 200:
            strict.error(response, strict.document(response)["error"], response.status_code)
            assert response.status_code == 400


def test_scopes_are_those_asked_for(ask):
    """A token has the scopes that were asked for, each once, in their order; all of the client's when none is."""
    for asked, given in [
        ("data:voucher", "data:voucher"),
        ("data:voucher data:customer", "data:voucher data:customer"),
        ("data:voucher  data:voucher", "data:voucher"),
        ("", EVERYTHING),
        (" ", EVERYTHING),
        (None, EVERYTHING),
    ]:
        form = {"grant_type": "client_credentials"} | ({} if asked is None else {"scope": asked})
        assert strict.token(ask(form))["scope"] == given


@pytest.mark.parametrize("scope", ["data:nowhere", "voucher", "data:voucher data:nowhere", "DATA:VOUCHER", "openid"])
def test_an_unknown_scope_is_invalid(ask, scope):
    """A request with one unknown scope is refused: no scope is left out silently."""
    strict.error(ask({"grant_type": "client_credentials", "scope": scope}), "invalid_scope")


def test_a_scope_that_was_not_granted_is_invalid(deployment):
    """A scope of a dataset the client was not granted is refused like one that does not exist."""
    issued = deployment.clients.create("narrow", {}, grants={"voucher": None})
    ask = deployment.app.test_client()
    assert strict.token(ask.post(TOKEN, data=own(issued)))["scope"] == "data:voucher"
    refused = ask.post(TOKEN, data=own(issued, scope="data:customer"))
    unknown = ask.post(TOKEN, data=own(issued, scope="data:nowhere"))
    assert strict.error(refused, "invalid_scope") == strict.error(unknown, "invalid_scope")
    strict.error(ask.post(TOKEN, data=own(issued, scope="data:voucher data:customer")), "invalid_scope")


def test_a_client_without_the_method_is_unauthorized(deployment):
    """A client that may not use OAuth is told so, once it has proved who it is."""
    issued = deployment.clients.create("other", {}, auth_methods=["api_key", "token"], redirect_uris=[CALLBACK])
    for grant in ("client_credentials", "authorization_code", "refresh_token"):
        form = own(issued, grant_type=grant, code="x", refresh_token="x")
        strict.error(deployment.app.test_client().post(TOKEN, data=form), "unauthorized_client")


@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
def test_a_client_without_a_redirect_address_is_unauthorized(deployment, grant):
    """The grants that need a browser are for clients with a registered address."""
    issued = deployment.issue("machine")
    form = own(issued, grant_type=grant, code="x", refresh_token="x")
    strict.error(deployment.app.test_client().post(TOKEN, data=form), "unauthorized_client")


@pytest.mark.parametrize(("grant", "name"), [("authorization_code", "code"), ("refresh_token", "refresh_token")])
def test_a_grant_that_is_none_is_refused(ask, grant, name):
    """A missing or empty code or refresh token is an invalid request; an unknown one an invalid grant."""
    strict.error(ask({"grant_type": grant}), "invalid_request")
    strict.error(ask({"grant_type": grant, name: ""}), "invalid_request")
    strict.error(ask({"grant_type": grant, name: "x" * 5000}), "invalid_grant")
    kind = "code" if name == "code" else "refresh_token"
    strict.error(ask({"grant_type": grant, name: make_key(kind).text}), "invalid_grant")


def test_a_deployment_without_the_method_has_no_oauth(deploy):
    """Where OAuth is off, its addresses serve nothing."""
    ask = deploy(auth_methods=["api_key", "token"]).app.test_client()
    for path in (TOKEN, "/oauth2/revoke", "/oauth2/introspect"):
        assert ask.post(path).status_code == 404
    for path in ("/oauth2/authorize", "/.well-known/oauth-authorization-server"):
        assert ask.get(path).status_code == 404


def test_a_body_over_the_limit_is_refused(ask):
    """A form over the limit is 413, in the shape of OAuth."""
    assert strict.document(ask("grant_type=" + "x" * 70_000, content_type=FORM))["error"] == "invalid_request"
    assert ask("grant_type=" + "x" * 70_000, content_type=FORM).status_code == 413


@pytest.mark.parametrize("path", [TOKEN, "/oauth2/revoke", "/oauth2/introspect"])
def test_plain_http_to_another_machine_is_refused(deployment, issued, path):
    """Over plain http only this machine is served; elsewhere it is 400 invalid_request, not a 500."""
    form = own(issued, token="x")
    ask = deployment.app.test_client()
    for host in ("http://data.example.vn", "http://203.0.113.9:8000", "http://127.0.0.1.example.vn"):
        assert "https" in strict.error(ask.post(path, data=form, base_url=host), "invalid_request")
    for host in ("https://data.example.vn", "http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000"):
        assert ask.post(path, data=form, base_url=host).status_code == 200


def test_a_garbled_host_is_refused(deployment, issued):
    """A Host header that is no host is 400, not a 500."""
    for host in ("exa mple", "a/b", "[::1", "a@b", "é"):
        response = deployment.app.test_client().post(TOKEN, data=own(issued), headers={"Host": host})
        assert strict.document(response)["error"] == "invalid_request"
        assert response.status_code == 400


def test_answers_may_not_be_kept_or_guessed_at(ask):
    """No answer may be stored by a cache or read as another type, success or failure."""
    for response in (ask(), ask(auth=None), ask({}), ask({"grant_type": "password"})):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Type"] == "application/json"
