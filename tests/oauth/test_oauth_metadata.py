"""The metadata of the authorization server (RFC 8414), and the addresses it is reached by, through proxies too."""

import pytest
import strict
from partner import CALLBACK, Console, Pkce
from services import own_address
from support import BUILT_IN, PHONE, SAMPLES, VOUCHER, failure, record

from provider.errors import ConfigurationError

METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture
def console(deployment):
    """Give a partner's console."""
    return Console(deployment)


def test_it_tells_all_there_is(console):
    """The metadata lists the endpoints, scopes, grants and methods there are."""
    content = strict.document(console.browser.get(METADATA, base_url="https://data.example.vn"))
    assert content == {
        "issuer": "https://data.example.vn",
        "authorization_endpoint": "https://data.example.vn/oauth2/authorize",
        "token_endpoint": "https://data.example.vn/oauth2/token",
        "revocation_endpoint": "https://data.example.vn/oauth2/revoke",
        "introspection_endpoint": "https://data.example.vn/oauth2/introspect",
        "scopes_supported": [f"data:{name}" for name in SAMPLES + BUILT_IN],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["client_credentials", "authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    }


@pytest.mark.parametrize("base", ["http://127.0.0.1:8123", "http://localhost", "https://data.example.vn:8443"])
def test_the_issuer_is_the_address_that_was_used(console, base):
    """The issuer is scheme, host and port of the request, without a slash at the end."""
    assert console.browser.get(METADATA, base_url=base).json["issuer"] == base


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(console, method):
    """The metadata is read by GET and HEAD alone."""
    response = getattr(console.browser, method)(METADATA)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_everything_it_lists_works(console, way):
    """Every endpoint answers at the listed address to every listed way of authenticating, grant and scope."""
    listed = console.browser.get(METADATA, base_url="https://data.example.vn").json
    own = {"client_id": console.id, "client_secret": console.issued.client_secret}

    def post(endpoint, **form):
        assert way in listed[f"{endpoint}_endpoint_auth_methods_supported"]
        proof = {"auth": tuple(own.values()), "data": form} if way == "client_secret_basic" else {"data": form | own}
        return console.browser.post(listed[f"{endpoint}_endpoint"], **proof)

    def code():
        (method,), (kind,) = listed["code_challenge_methods_supported"], listed["response_types_supported"]
        asked = console.asked(code_challenge_method=method, response_type=kind)
        form = {"consent_code": console.consent_code(), "decision": "allow"}
        answer = console.browser.post(listed["authorization_endpoint"], query_string=asked, data=form)
        return strict.redirect(answer, CALLBACK)["code"]

    grants = {
        "client_credentials": dict,
        "authorization_code": lambda: {"code": code(), "code_verifier": console.pkce.verifier},
        "refresh_token": lambda: {"refresh_token": console.tokens()["refresh_token"]},
    }
    for grant in listed["grant_types_supported"]:
        token = strict.token(post("token", grant_type=grant, **grants[grant]()))
        assert token["scope"].split() == listed["scopes_supported"]
        assert strict.document(post("introspection", token=token["access_token"]))["active"] is True
        assert post("revocation", token=token["access_token"]).status_code == 200
    for scope in listed["scopes_supported"]:
        assert strict.token(post("token", grant_type="client_credentials", scope=scope))["scope"] == scope


def forwarded(deployment, address, **more):
    """Ask for the metadata as a proxy at this address would, for a caller elsewhere."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "data.example.vn", "X-Forwarded-For": "203.0.113.7"}
    return deployment.app.test_client().get(
        METADATA, base_url="http://127.0.0.1:8000", headers=headers | more, environ_overrides={"REMOTE_ADDR": address}
    )


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::7", True),
        ("11.1.2.3", False),
        ("::ffff:11.1.2.3", False),
        ("2001:db9::7", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_a_proxy_is_believed_when_it_is_known(deploy, address, trusted):
    """X-Forwarded-Proto and -Host of a known proxy make the issuer; those of anybody else are ignored."""
    deployment = deploy(trusted_proxies=["10.0.0.0/8", "2001:db8::/32"])
    expected = "https://data.example.vn" if trusted else "http://127.0.0.1:8000"
    assert forwarded(deployment, address).json["issuer"] == expected


def test_no_proxy_is_believed_by_default(deployment):
    """Without the setting nobody's X-Forwarded headers count."""
    assert forwarded(deployment, "127.0.0.1").json["issuer"] == "http://127.0.0.1:8000"


def test_blanks_in_the_list_of_proxies_do_not_matter(deploy):
    """A list written with blanks after its commas means the same."""
    deployment = deploy(trusted_proxies=["10.0.0.0/8", " 192.0.2.0/24", " "])
    assert forwarded(deployment, "192.0.2.1").json["issuer"] == "https://data.example.vn"


def test_only_the_nearest_proxy_is_believed(deploy):
    """X-Forwarded values that the caller sent itself, which stand before the proxy's own, do not count."""
    deployment = deploy(trusted_proxies=["10.0.0.0/8"])
    more = {"X-Forwarded-Host": "evil.example, data.example.vn", "X-Forwarded-Proto": "gopher, https"}
    assert forwarded(deployment, "10.1.2.3", **more).json["issuer"] == "https://data.example.vn"


@pytest.mark.parametrize("networks", [["10.0.0.1/8"], ["everybody"], ["10.0.0.0/8", "x"]])
def test_a_network_that_is_none_stops_the_start(deploy, networks):
    """A trusted proxy that is no network stops the start with the setting's name."""
    with pytest.raises(ConfigurationError, match="PROVIDER_TRUSTED_PROXIES"):
        deploy(trusted_proxies=networks)


def test_oauth_works_behind_a_proxy_that_speaks_https(deploy):
    """Behind a known proxy plain http inside is https outside, and OAuth is served; else it is refused."""
    deployment = deploy(trusted_proxies=["10.0.0.0/8"])
    console = Console(deployment)
    own = {"auth": (console.id, console.issued.client_secret), "data": {"grant_type": "client_credentials"}}
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": own_address()}
    inside, proxy = "http://data.example.vn", {"REMOTE_ADDR": "10.1.2.3"}
    browser = deployment.app.test_client()
    answer = browser.post("/oauth2/token", base_url=inside, headers=headers, environ_overrides=proxy, **own)
    assert strict.token(answer)
    asked = Pkce().asked(client_id=console.id)
    page = browser.get(
        "/oauth2/authorize", query_string=asked, base_url=inside, headers=headers, environ_overrides=proxy
    )
    assert page.status_code == 200
    strict.error(browser.post("/oauth2/token", base_url=inside, headers=headers, **own), "invalid_request")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("2001:db8:1::5", True),
        ("203.0.114.9", False),
        ("::ffff:203.0.114.9", False),
        ("2001:db8:2::5", False),
        ("", False),
        ("unknown", False),
        ("203.0.113.9:4711", False),
    ],
)
def test_a_client_calls_from_its_networks_alone(deployment, address, inside):
    """A client with networks is refused from elsewhere, by key, by token and where tokens are made; never a 500."""
    issued = deployment.clients.create("pango", {}, networks=["203.0.113.0/24", "2001:db8:1::/48"])
    browser = deployment.app.test_client()
    away = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.1"}}
    here = {"environ_overrides": {"REMOTE_ADDR": address}}
    key = {"token-key": issued.api_key}
    token = record(browser.get("/v1/token", headers=key, **away))["accessToken"]
    lookup = f"/v1/data/voucher?phone={PHONE}"
    own = {"auth": (issued.client.client_id, issued.client_secret), "data": {"grant_type": "client_credentials"}}
    answers = [
        browser.get(lookup, headers=key, **here),
        browser.get(lookup, headers={"Authorization": f"Bearer {token}"}, **here),
        browser.get("/v1/token", headers=key, **here),
    ]
    oauth = browser.post("/oauth2/token", **own, **here)
    if inside:
        assert [record(answer) for answer in answers[:2]] == [VOUCHER, VOUCHER]
        assert record(answers[2])
        assert strict.token(oauth)
    else:
        for answer in answers:
            failure(answer, "Forbidden", 403)
        strict.error(oauth, "unauthorized_client")


def test_networks_are_those_of_the_caller_behind_a_known_proxy(deploy):
    """Behind a known proxy a client's networks are compared with the caller's address; nobody else can claim one."""
    deployment = deploy(trusted_proxies=["10.0.0.0/8"])
    key = {"token-key": deployment.clients.create("pango", {}, networks=["203.0.113.0/24"]).api_key}
    browser = deployment.app.test_client()

    def ask(address, claimed):
        headers = key | {"X-Forwarded-For": claimed}
        overrides = {"REMOTE_ADDR": address}
        return browser.get(f"/v1/data/voucher?phone={PHONE}", headers=headers, environ_overrides=overrides)

    assert record(ask("10.1.2.3", "203.0.113.7")) == VOUCHER
    failure(ask("10.1.2.3", "203.0.113.7, 198.51.100.1"), "Forbidden", 403)
    failure(ask("198.51.100.1", "203.0.113.7"), "Forbidden", 403)
    failure(ask("10.1.2.3", "no address"), "Forbidden", 403)
