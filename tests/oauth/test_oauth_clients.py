"""Independent OAuth clients complete every grant over real HTTP: requests-oauthlib and Authlib's own."""

import re
from html import unescape

import httpx2
import pytest
import requests
import strict
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.integrations.requests_client import OAuthError
from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError, OAuth2Error
from requests_oauthlib import OAuth2Session as OauthlibSession
from services import Website, own_address, respond
from support import PATIENCE_SECONDS, PHONE, VOUCHER, failure, provider, raw_answer, record

LOOKUP = f"/v1/data/voucher?phone={PHONE}"
SCOPE = "data:voucher data:customer"


@pytest.fixture(scope="module")
def installation(install):
    """Start a server that takes this machine for a known proxy, so that every test can call from its own address."""
    return install(PROVIDER_TRUSTED_PROXIES="127.0.0.0/8")


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch):
    """Let the clients speak plain http: the server is on this machine."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(scope="module")
def website():
    """Run the partner's console: a website that browsers are sent back to."""
    with Website() as site:
        site.pages["/callback"] = lambda request: respond(request, b"{}")
        yield site


@pytest.fixture
def metadata(installation):
    """Learn the addresses from the server's metadata, as a client does that is told the issuer alone."""
    answer = requests.get(f"{installation.url}/.well-known/oauth-authorization-server", timeout=PATIENCE_SECONDS)
    assert answer.json()["issuer"] == installation.url
    return answer.json()


@pytest.fixture
def issued(installation, website, request):
    """Give a client of its own."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:60]
    return installation.clients.create(name, {}, redirect_uris=[f"{website.url}/callback"])


def consent(installation, issued, address, *, decision="allow"):
    """Let a client in as the administrator does: open its address, paste a code, press a button."""
    with requests.Session() as browser:
        page = browser.get(address, timeout=PATIENCE_SECONDS)
        assert page.status_code == 200, page.text
        assert issued.client.name in page.text
        (field,) = re.findall(r'<input name="([^"]+)"', page.text)
        buttons = re.findall(r'<button name="([^"]+)" value="([^"]+)"', page.text)
        assert re.findall("<form[^>]*>", page.text) == ['<form method="post">']
        form = dict(button for button in buttons if button[1] == decision)
        if decision == "allow":
            done = provider(
                "client",
                "consent",
                issued.client.name,
                cwd=installation.servers[0].folder,
                PROVIDER_DATABASE_URL=installation.settings.database_url,
                PROVIDER_SECRET_KEY=installation.settings.secret_key,
            )
            form[field] = done.stdout.strip()
        answer = browser.post(unescape(page.url), data=form, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text
        assert [step.status_code for step in answer.history] == [302]
        return answer.url


def test_oauthlib_client_credentials(installation, metadata, issued):
    """requests-oauthlib gets a token for itself, by Basic and in the form, and reads the data with it."""
    for in_form in (False, True):
        client = BackendApplicationClient(client_id=issued.client.client_id, scope=SCOPE.split())
        with OauthlibSession(client=client) as session:
            token = session.fetch_token(
                metadata["token_endpoint"],
                client_id=issued.client.client_id,
                client_secret=issued.client_secret,
                include_client_id=in_form,
            )
            assert token["scope"] == SCOPE.split()
            answer = session.get(installation.url + LOOKUP)
            assert answer.json()["data"] == VOUCHER


def test_oauthlib_authorization_code(installation, metadata, issued, website):
    """requests-oauthlib goes through the consent page with PKCE, reads the data, and refreshes."""
    own = (issued.client.client_id, issued.client_secret)
    redirect_uri = f"{website.url}/callback"
    with OauthlibSession(issued.client.client_id, redirect_uri=redirect_uri, scope=SCOPE, pkce="S256") as session:
        address, state = session.authorization_url(metadata["authorization_endpoint"])
        landed = consent(installation, issued, address)
        assert f"state={state}" in landed
        token = session.fetch_token(
            metadata["token_endpoint"], authorization_response=landed, client_secret=issued.client_secret
        )
        assert session.get(installation.url + LOOKUP).json()["data"] == VOUCHER
        newer = session.refresh_token(metadata["token_endpoint"], auth=own)
        assert newer["refresh_token"] != token["refresh_token"]
        assert newer["access_token"] != token["access_token"]
        assert newer["scope"] == SCOPE.split()
        assert session.get(installation.url + LOOKUP).json()["data"] == VOUCHER
        with pytest.raises(InvalidGrantError):
            session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"], auth=own)
        answer = requests.get(
            installation.url + LOOKUP,
            headers={"Authorization": f"Bearer {newer['access_token']}"},
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 401, "the second use of the old refresh token ended the whole family"
        assert strict.bearer(answer) == {"error": "invalid_token"}


def test_oauthlib_understands_a_refusal(installation, metadata, issued, website):
    """requests-oauthlib reads access_denied at its address, and invalid_scope from the token endpoint."""
    redirect_uri = f"{website.url}/callback"
    with OauthlibSession(issued.client.client_id, redirect_uri=redirect_uri, pkce="S256") as session:
        address, _ = session.authorization_url(metadata["authorization_endpoint"])
        landed = consent(installation, issued, address, decision="deny")
        with pytest.raises(OAuth2Error, match="access_denied"):
            session.fetch_token(
                metadata["token_endpoint"], authorization_response=landed, client_secret=issued.client_secret
            )
    client = BackendApplicationClient(client_id=issued.client.client_id, scope="nope")
    with OauthlibSession(client=client) as session, pytest.raises(OAuth2Error, match="invalid_scope"):
        session.fetch_token(metadata["token_endpoint"], auth=(issued.client.client_id, issued.client_secret))


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_authlib_client_credentials(installation, metadata, issued, way):
    """Authlib gets a token for itself, reads the data, introspects the token and revokes it."""
    with AuthlibSession(
        issued.client.client_id,
        issued.client_secret,
        scope=SCOPE,
        token_endpoint_auth_method=way,
        revocation_endpoint_auth_method=way,
    ) as session:
        token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        assert token["scope"] == SCOPE
        assert session.get(installation.url + LOOKUP).json()["data"] == VOUCHER
        known = session.introspect_token(metadata["introspection_endpoint"], token=token["access_token"])
        assert known.json()["active"] is True
        ended = session.revoke_token(metadata["revocation_endpoint"], token=token["access_token"])
        assert ended.status_code == 200
        assert session.get(installation.url + LOOKUP).status_code == 401


def test_authlib_authorization_code(installation, metadata, issued, website):
    """Authlib goes through the consent page with PKCE, reads the data, and refreshes by itself."""
    with AuthlibSession(
        issued.client.client_id,
        issued.client_secret,
        scope=SCOPE,
        redirect_uri=f"{website.url}/callback",
        code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
    ) as session:
        verifier = "a verifier of Authlib".replace(" ", "-") * 3
        address, _ = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        landed = consent(installation, issued, address)
        token = session.fetch_token(authorization_response=landed, code_verifier=verifier)
        assert session.get(installation.url + LOOKUP).json()["data"] == VOUCHER
        session.token["expires_at"] = 1  # what the client believes; it refreshes before its next call
        assert session.get(installation.url + LOOKUP).json()["data"] == VOUCHER
        assert session.token["access_token"] != token["access_token"]
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.fetch_token(authorization_response=landed, code_verifier=verifier)
        assert session.get(installation.url + LOOKUP).status_code == 401


def test_authlib_understands_a_refusal(metadata, issued):
    """Authlib reads invalid_client and invalid_scope."""
    with (
        AuthlibSession(issued.client.client_id, "wrong") as session,
        pytest.raises(OAuthError, match="invalid_client"),
    ):
        session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    with (
        AuthlibSession(issued.client.client_id, issued.client_secret, scope="nope") as session,
        pytest.raises(OAuthError, match="invalid_scope"),
    ):
        session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")


def test_challenges_over_the_wire(installation, issued):
    """Over real HTTP too every 401 has its challenge, and each of several is a header of its own."""
    with httpx2.Client(base_url=installation.url, headers={"X-Forwarded-For": own_address()}) as http:
        nothing = http.get(LOOKUP)
        failure(nothing, "Unauthorized", 401)
        assert set(strict.challenges(nothing)) == {"ApiKey", "Bearer"}
        assert strict.bearer(nothing) == {}
        garbled = http.get(LOOKUP, headers={"Authorization": "Bearer x"})
        assert strict.bearer(garbled) == {"error": "invalid_token"}
        strict.error(http.post("/oauth2/token", data={"grant_type": "client_credentials"}), "invalid_client", 401)
        token = http.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(issued.client.client_id, issued.client_secret),
        )
        assert strict.token(token)["scope"].startswith("data:")


def test_two_authorization_headers_open_nothing(installation, issued):
    """A request with two Authorization headers is refused, even when both tokens hold."""
    token = record(httpx2.get(f"{installation.url}/v1/token", headers={"token-key": issued.api_key}))["accessToken"]
    head = f"GET {LOOKUP} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Forwarded-For: {own_address()}\r\n"
    one = f"Authorization: Bearer {token}\r\n"
    port = installation.servers[0].port
    assert raw_answer(port, f"{head}{one}\r\n".encode())[0] == 200
    assert raw_answer(port, f"{head}{one}{one}\r\n".encode())[0] in {400, 401}


def test_nothing_secret_is_logged(installation, issued):
    """The server's log names the clients and holds none of the secrets that went over the wire."""
    with httpx2.Client(base_url=installation.url, headers={"X-Forwarded-For": own_address()}) as http:
        own = {"client_id": issued.client.client_id, "client_secret": issued.client_secret}
        token = strict.token(http.post("/oauth2/token", data={"grant_type": "client_credentials", **own}))
        http.get(LOOKUP, headers={"Authorization": f"Bearer {token['access_token']}"})
        http.get(LOOKUP, params={"access_token": token["access_token"]})
        http.get("/v1/token", params={"clientId": own["client_id"], "clientSecret": own["client_secret"]})
        http.get("/oauth2/authorize", params={**own, "code": token["access_token"]})
        http.post("/oauth2/revoke", data={**own, "token": token["access_token"]})
    output = installation.servers[0].output
    assert issued.client.name in output
    for secret in (issued.api_key, issued.client_secret, token["access_token"], PHONE):
        assert secret not in output
    assert all(line["event"] == "request" for line in installation.servers[0].log())
