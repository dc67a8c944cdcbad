"""Whatever is sent to the OAuth endpoints, they answer in their own shape and never fail."""

import string

import pytest
import strict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner import AUTHORIZE, CALLBACK, Console
from services import own_address

from provider.auth.keys import make_key

FORM = "application/x-www-form-urlencoded"
NAMES = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "token",
    "token_type_hint",
    "response_type",
    "response_mode",
    "state",
    "code_challenge",
    "code_challenge_method",
    "consent_code",
    "decision",
    "username",
    "password",
    "request",
    "request_uri",
    "nonce",
    "prompt",
]
NASTY = [
    "",
    " ",
    "\x00",
    "\n",
    '"',
    "\\",
    "%",
    "%00",
    "é",
    "\u202e",
    "\U0001f600",
    "x" * 5000,
    "[]",
    "{}",
    "null",
    "0",
    "-1",
    "1e999",
    "../..",
    "' OR 1=1 --",
    "{{7*7}}",
    "<script>",
    "javascript:alert(1)",
    "https://evil.example",
    "client_credentials",
    "authorization_code",
    "refresh_token",
    "password",
    "code",
    "token",
    "code token",
    "S256",
    "plain",
    "allow",
    "deny",
    "data:voucher",
    "data:voucher data:customer",
    "data:nowhere",
    "access_token",
    CALLBACK,
    "x" * 43,
    "x" * 128,
    "x" * 128 + "\n",
]


@pytest.fixture
def console(deployment):
    """Give a partner's console."""
    return Console(deployment)


def values(console):
    """Give what a parameter may be: nasty texts, anything, and secrets that are genuine."""
    tokens = console.tokens()
    genuine = [
        console.id,
        console.issued.client_secret,
        console.issued.api_key,
        console.code(),
        console.consent_code(),
        console.pkce.verifier,
        console.pkce.challenge,
        tokens["access_token"],
        make_key("code").text,
        make_key("refresh_token").text,
    ]
    return st.sampled_from(NASTY) | st.sampled_from(genuine) | st.text(max_size=40)


def pairs(console):
    """Give the parameters of a request: known names and others, any number of times."""
    names = st.sampled_from(NAMES) | st.text(string.printable, max_size=8)
    return st.lists(st.tuples(names, values(console)), max_size=9)


def many(examples):
    """Try this many requests against one deployment."""
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
def test_any_form_is_answered_in_the_shape_of_oauth(console, path):
    """Any form, with right, wrong or no client credentials, is a 200 or an error with its code."""
    own = (console.id, console.issued.client_secret)
    headers = st.sampled_from([{}, {"Authorization": "Basic !!!"}, {"Authorization": "Bearer x"}])

    @many(150)
    @given(form=pairs(console), proved=st.booleans(), headers=headers, sensible=st.booleans())
    def ask(form, proved, headers, sensible):
        if sensible:
            form = [("grant_type", "client_credentials"), ("token", "x"), *dict(form).items()]
        body = _encode(form)
        proof = {"auth": own} if proved else {"headers": headers}
        _check(console.deployment, path, data=body, content_type=FORM, **proof)

    ask()


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
def test_any_bytes_are_answered_in_the_shape_of_oauth(console, path):
    """Any body of any media type, under any Authorization header, is answered with an error and its code."""
    kinds = st.sampled_from([FORM, f"{FORM}; charset=utf-16", "application/json", "text/plain", "", "x", "a/b; ="])
    latin = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)

    @many(100)
    @given(body=st.binary(max_size=200), kind=kinds, header=latin, query=st.text(string.printable, max_size=20))
    def ask(body, kind, header, query):
        headers = {"Authorization": header} if header else {}
        _check(console.deployment, path, data=body, content_type=kind, headers=headers, query_string=query)

    ask()


def test_any_authorization_request_is_a_page_a_redirect_or_an_error(console):
    """Any request for consent is the page, a way back to the client's own address, or an error with its code."""

    @many(300)
    @given(query=pairs(console), form=pairs(console), post=st.booleans(), sensible=st.booleans())
    def ask(query, form, post, sensible):
        if sensible:
            query = list((console.asked() | dict(query[:3])).items())
        browser = console.deployment.app.test_client()
        more = {"query_string": _encode(query), "environ_overrides": {"REMOTE_ADDR": own_address()}}
        if post:
            response = browser.post(AUTHORIZE, data=_encode(form), content_type=FORM, **more)
        else:
            response = browser.get(AUTHORIZE, **more)
        if response.status_code == 302:
            strict.redirect(response, CALLBACK)
        elif response.headers["Content-Type"].startswith("text/html"):
            assert response.status_code in {200, 403, 429}
            assert "<script" not in response.text
            assert "Location" not in response.headers
        else:
            content = strict.document(response)
            assert response.status_code == 400
            assert content["error"] in strict.AUTHORIZATION_ERRORS | {"invalid_client"}
            assert set(content) <= {"error", "error_description", "state"}

    ask()


def _encode(form):
    """Write a form whose texts may hold anything."""
    return "&".join(f"{_percent(name)}={_percent(value)}" for name, value in form)


def _percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _check(deployment, path, **request):
    response = deployment.app.test_client().post(path, environ_overrides={"REMOTE_ADDR": own_address()}, **request)
    if response.status_code == 200:
        strict.document(response)
    else:
        content = strict.document(response)
        assert content["error"] in strict.TOKEN_ERRORS
        strict.error(response, content["error"], response.status_code)
        assert response.status_code in {400, 401, 429}
