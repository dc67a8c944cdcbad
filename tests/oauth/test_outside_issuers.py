"""Tokens of an outside issuer (RFC 9068): what is accepted, every known way of forging one, and the issuer's keys."""

import base64
import gzip
import hashlib
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import orjson
import pytest
import strict
import time_machine
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from services import Website, respond
from support import CHECKOUT, NOON, PATIENCE_SECONDS, PHONE, VOUCHER, eventually, failure, record

from provider.auth import issuers
from provider.auth.issuers import ALGORITHMS, CLOCK_SKEW, LONGEST_TOKEN
from provider.errors import ConfigurationError

AUDIENCE = "https://data.example.vn"
METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
LOOKUP = f"/v1/data/voucher?phone={PHONE}"


def rsa(kid, **more):
    """Make an RSA key."""
    return RSAKey.generate_key(2048, {"kid": kid, **more})


@pytest.fixture(scope="module")
def keys():
    """Make the issuer's keys once: they are slow to make."""
    return {
        "rsa": rsa("rsa"),
        "next": rsa("next"),
        "P-256": ECKey.generate_key("P-256", {"kid": "P-256"}),
        "P-384": ECKey.generate_key("P-384", {"kid": "P-384"}),
        "P-521": ECKey.generate_key("P-521", {"kid": "P-521"}),
        "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "Ed25519"}),
        "stranger": rsa("rsa"),
    }


class Issuer(Website):
    """An identity provider that publishes the public half of some keys and signs access tokens."""

    def __init__(self, keys):
        super().__init__()
        self.keys = keys
        self.serve(METADATA, {"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        self.publish("rsa")

    def publish(self, *names, more=()):
        """Publish keys by their names, and more documents beside them."""
        self.serve("/keys", {"keys": [*(self.keys[name].as_dict(private=False) for name in names), *more]})

    def fetches(self):
        """Count how often its keys were fetched."""
        return self.asked.count("/keys")

    def claims(self, **changed):
        """Give the claims of an access token that holds; None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "service-7",
            "client_id": "pango",
            "iat": now,
            "exp": now + 300,
            "jti": "1",
            "scope": "data:voucher",
        }
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def sign(self, claims=None, key="rsa", header=None):
        """Sign claims with one of its keys; a header's None leaves a member out."""
        header = {"alg": _algorithm(key), "typ": "at+jwt", "kid": self.keys[key].kid} | (header or {})
        header = {name: value for name, value in header.items() if value is not None}
        payload = orjson.dumps(self.claims() if claims is None else claims)
        signed = base64url(orjson.dumps(header)) + b"." + base64url(payload)
        algorithm = jws.JWSRegistry.algorithms[header["alg"]]
        return (signed + b"." + base64url(algorithm.sign(signed, self.keys[key]))).decode()


def _algorithm(key):
    return {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}.get(key, "RS256")


def base64url(data):
    """Write bytes the way of JWS."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture
def issuer(keys, monkeypatch):
    """Run an issuer, whose keys are waited for however slow the machine is."""
    monkeypatch.setattr(issuers, "_FETCH_SECONDS", PATIENCE_SECONDS)
    with Issuer(keys) as issuer:
        yield issuer


@pytest.fixture
def deployment(deploy, issuer):
    """Make an installation that trusts the issuer, with a client of the name its tokens are for."""
    deployment = deploy(oauth_issuers={issuer.url: AUDIENCE})
    deployment.issue()
    return deployment


@pytest.fixture
def ask(deployment):
    """Look the sample person up with a token."""

    def ask(token, path=LOOKUP):
        return deployment.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})

    return ask


def refused(response):
    """Check that a token was refused, as any other token that does not hold."""
    failure(response, "Unauthorized", 401)
    assert strict.bearer(response) == {"error": "invalid_token"}


def test_a_token_of_the_issuer_opens_the_data(ask, issuer):
    """A token that the issuer signed for us is accepted, and its keys are fetched once for all of them."""
    for _ in range(3):
        assert record(ask(issuer.sign())) == VOUCHER
    assert issuer.asked == [METADATA, "/keys"]


@pytest.mark.parametrize("key", ["rsa", "P-256", "P-384", "P-521", "Ed25519"])
def test_every_kind_of_key_pair_is_understood(ask, issuer, key):
    """RSA, elliptic curve and Edwards curve keys verify."""
    issuer.publish("rsa", "P-256", "P-384", "P-521", "Ed25519")
    assert record(ask(issuer.sign(key=key))) == VOUCHER


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_every_algorithm_of_rsa_is_understood(ask, issuer, algorithm):
    """The stronger hashes and PSS verify too."""
    assert record(ask(issuer.sign(header={"alg": algorithm}))) == VOUCHER


def test_scopes_and_the_client_here_decide_what_is_read(deployment, ask, issuer):
    """A token reads the datasets of its scopes that its client here was granted, and the fields of that grant."""
    deployment.clients.create("narrow", {}, grants={"voucher": {"code": None}})
    both = issuer.sign(issuer.claims(client_id="narrow", scope="data:voucher data:customer other"))
    assert record(ask(both)) == {"code": VOUCHER["code"]}
    for token in (both, issuer.sign(issuer.claims(scope="openid profile")), issuer.sign(issuer.claims(scope=None))):
        response = ask(token, f"/v1/data/customer?phone={PHONE}")
        failure(response, "Forbidden", 403)
        assert strict.bearer(response) == {"error": "insufficient_scope", "scope": "data:customer"}


def test_the_audience_may_be_one_of_several(ask, issuer):
    """A token for several audiences is accepted when one of them is ours."""
    assert record(ask(issuer.sign(issuer.claims(aud=["https://other.example", AUDIENCE])))) == VOUCHER


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_is_read_in_any_case(ask, issuer, kind):
    """The type of RFC 9068 is accepted with its prefix and in any case, as media types are."""
    assert record(ask(issuer.sign(header={"typ": kind}))) == VOUCHER


def test_what_a_header_says_beside_is_ignored(ask, issuer):
    """Header members nobody needs are ignored (RFC 7515 section 4)."""
    assert record(ask(issuer.sign(header={"nonce": "x", "x5t": "abc", "cty": "x", "tenant": {"id": 7}}))) == VOUCHER


def test_a_client_nobody_knows_here_is_refused(deployment, ask, issuer):
    """The client a token names must be known here by its exact name, and not be revoked."""
    for name in ("stranger", "Pango", "pango ", ""):
        refused(ask(issuer.sign(issuer.claims(client_id=name))))
    deployment.clients.revoke("pango")
    refused(ask(issuer.sign()))


def test_any_text_for_a_client_is_only_an_unknown_client(server_database, deploy, issuer):
    """A token may name its client with any text: no database fails over it."""
    deployment = deploy(database_url=server_database, oauth_issuers={issuer.url: AUDIENCE})
    deployment.issue()
    for name in ("\x00", "pango\x00", "Nguyễn", "x" * 3000, "Pango", "pango "):
        headers = {"Authorization": f"Bearer {issuer.sign(issuer.claims(client_id=name))}"}
        refused(deployment.app.test_client().get(LOOKUP, headers=headers))


def test_a_client_without_the_method_is_refused(deployment, ask, issuer):
    """An outside token is OAuth: a client that may not use that is refused."""
    deployment.clients.create("keys-only", {}, auth_methods=["api_key", "token"])
    failure(ask(issuer.sign(issuer.claims(client_id="keys-only"))), "Unauthorized", 401)


def test_a_deployment_without_the_method_refuses_all(deploy, issuer):
    """Where OAuth is off, tokens of an outside issuer are refused."""
    deployment = deploy(oauth_issuers={issuer.url: AUDIENCE}, auth_methods=["api_key", "token"])
    deployment.issue()
    response = deployment.app.test_client().get(LOOKUP, headers={"Authorization": f"Bearer {issuer.sign()}"})
    failure(response, "Unauthorized", 401)


def test_networks_hold_for_outside_tokens(deployment, issuer):
    """A client limited to networks is refused from elsewhere, with an outside token too."""
    deployment.clients.create("placed", {}, networks=["203.0.113.0/24"])
    headers = {"Authorization": f"Bearer {issuer.sign(issuer.claims(client_id='placed'))}"}
    browser = deployment.app.test_client()
    failure(browser.get(LOOKUP, headers=headers), "Forbidden", 403)
    overrides = {"REMOTE_ADDR": "203.0.113.5"}
    assert record(browser.get(LOOKUP, headers=headers, environ_overrides=overrides)) == VOUCHER


BAD_CLAIMS = {
    "another issuer": {"iss": "https://evil.example"},
    "an issuer with a slash more": lambda issuer: {"iss": issuer.url + "/"},
    "an issuer that is no text": {"iss": ["x"]},
    "another audience": {"aud": "https://other.example"},
    "an audience with a slash more": {"aud": AUDIENCE + "/"},
    "other audiences": {"aud": ["https://other.example", AUDIENCE + "/x"]},
    "a part of the audience": {"aud": AUDIENCE[:-1]},
    "an audience that is no text": {"aud": {AUDIENCE: 1}},
    "expired": lambda _: {"exp": int(time.time()) - CLOCK_SKEW - 1},
    "expired long ago": {"exp": 0},
    "not yet valid": lambda _: {"nbf": int(time.time()) + CLOCK_SKEW + 60},
    "issued in the future": lambda _: {"iat": int(time.time()) + CLOCK_SKEW + 60},
    "an end that is text": {"exp": "9999999999"},
    "an end that is true": {"exp": True},
    "a start that is text": {"nbf": "0"},
    "a start that is a list": {"nbf": []},
    "a scope that is a list": {"scope": ["data:voucher"]},
    "a client that is a list": {"client_id": ["pango"]},
    "no issuer": {"iss": None},
    "no audience": {"aud": None},
    "no end": {"exp": None},
    "no time of issue": {"iat": None},
    "no subject": {"sub": None},
    "a subject that is a number": {"sub": 7},
    "no client": {"client_id": None},
}


@pytest.mark.parametrize("changed", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_claims_that_do_not_hold_are_refused(ask, issuer, changed):
    """A genuine token is refused when its issuer, audience, times, subject or client is missing or wrong."""
    assert record(ask(issuer.sign())) == VOUCHER
    changed = changed(issuer) if callable(changed) else changed
    refused(ask(issuer.sign(issuer.claims(**changed))))


def test_clocks_may_differ_by_a_minute(ask, issuer):
    """A token is accepted a minute before its start and after its end, and not a second longer."""
    with time_machine.travel(NOON, tick=False):
        now = int(time.time())
        assert record(ask(issuer.sign(issuer.claims(exp=now - CLOCK_SKEW + 1)))) == VOUCHER
        assert record(ask(issuer.sign(issuer.claims(iat=now + CLOCK_SKEW, nbf=now + CLOCK_SKEW)))) == VOUCHER
        refused(ask(issuer.sign(issuer.claims(exp=now - CLOCK_SKEW))))
        refused(ask(issuer.sign(issuer.claims(nbf=now + CLOCK_SKEW + 1))))
        refused(ask(issuer.sign(issuer.claims(iat=now + CLOCK_SKEW + 1))))


BAD_HEADERS = {
    "no type": {"typ": None},
    "the type of an ID token": {"typ": "JWT"},
    "another type": {"typ": "dpop+jwt"},
    "a type that is a number": {"typ": 5},
    "an unknown key": {"kid": "unknown"},
    "a path for a key": {"kid": "../../../../../../dev/null"},
    "an address for a key": {"kid": "https://evil.example/key"},
    "SQL for a key": {"kid": "rsa' OR '1'='1"},
    "a list of keys": {"kid": ["rsa"]},
    "a number for a key": {"kid": 0},
    "an object for a key": {"kid": {"kid": "rsa"}},
    "a huge key id": {"kid": "rsa" * 1500},
    "critical members": {"crit": ["exp"], "exp": 1},
    "critical members that are not there": {"crit": ["exp"]},
    "critical members that everybody knows": {"crit": ["alg"]},
    "no critical members": {"crit": []},
    "a critical member that is no list": {"crit": "b64"},
    "an unencoded payload": {"crit": ["b64"], "b64": False},
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_headers_that_do_not_hold_are_refused(ask, issuer, header):
    """The type must be that of an access token and the key one of the issuer's; critical extensions are refused."""
    assert record(ask(issuer.sign())) == VOUCHER
    refused(ask(issuer.sign(header=header)))
    assert set(issuer.asked) <= {METADATA, "/keys"}


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c"])
def test_no_key_is_taken_from_a_header(ask, issuer, member):
    """A key that a token brings along is not used, and the address of one is not fetched."""
    stranger = issuer.keys["stranger"].as_dict(private=False)
    issuer.serve("/evil", {"keys": [stranger]})
    value = {"jwk": stranger, "x5c": ["MIIB"]}.get(member, f"{issuer.url}/evil")
    refused(ask(issuer.sign(key="stranger", header={member: value})))
    assert "/evil" not in issuer.asked


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None])
@pytest.mark.parametrize("signature", [b"", b"x"])
def test_an_unsigned_token_is_refused(ask, issuer, name, signature):
    """`alg: none` is refused, in upper or lower case, with a signature or without."""
    assert record(ask(issuer.sign())) == VOUCHER
    header = {"typ": "at+jwt", "kid": "rsa"} | ({} if name is None else {"alg": name})
    token = b".".join([base64url(orjson.dumps(header)), base64url(orjson.dumps(issuer.claims())), signature])
    refused(ask(token.decode()))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["PEM", "DER", "JWK", "n"])
def test_a_public_key_is_no_shared_secret(ask, issuer, algorithm, form):
    """A token signed by HMAC with the issuer's public key in any form is refused."""
    assert record(ask(issuer.sign())) == VOUCHER
    key = issuer.keys["rsa"]
    public = key.as_dict(private=False)
    secret = {
        "PEM": key.as_pem(private=False),
        "DER": key.as_der(private=False),
        "JWK": orjson.dumps(public),
        "n": public["n"].encode(),
    }[form]
    header = {"typ": "at+jwt", "kid": "rsa", "alg": algorithm}
    signed = base64url(orjson.dumps(header)) + b"." + base64url(orjson.dumps(issuer.claims()))
    signature = hmac.digest(secret, signed, getattr(hashlib, algorithm.replace("HS", "sha")))
    refused(ask((signed + b"." + base64url(signature)).decode()))


def test_a_shared_secret_is_no_key(ask, issuer):
    """A symmetric key that an issuer publishes by mistake verifies nothing, and its other keys still verify."""
    secret = OctKey.generate_key(256, {"kid": "shared"})
    issuer.publish("rsa", more=[secret.as_dict()])
    header = {"typ": "at+jwt", "kid": "shared", "alg": "HS256"}
    refused(ask(jws.serialize_compact(header, orjson.dumps(issuer.claims()), secret, ["HS256"])))
    assert record(ask(issuer.sign())) == VOUCHER


def test_only_key_pairs_sign():
    """The algorithms are signatures by key pairs, and nothing else."""
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]


@pytest.mark.parametrize(
    ("key", "algorithm"), [("rsa", "ES256"), ("P-256", "RS256"), ("P-384", "ES256"), ("Ed25519", "ES256")]
)
def test_a_key_verifies_its_own_algorithm_alone(ask, issuer, key, algorithm):
    """A token whose algorithm is not of its key is refused, not a 500."""
    issuer.publish("rsa", "P-256", "P-384", "Ed25519")
    _, claims, signature = issuer.sign(key=key).split(".")
    changed = base64url(orjson.dumps({"typ": "at+jwt", "kid": key, "alg": algorithm})).decode()
    refused(ask(f"{changed}.{claims}.{signature}"))


def test_a_key_for_something_else_verifies_nothing(deploy, issuer):
    """A key that its issuer published for encryption, or for another algorithm, verifies no token."""
    issuer.keys = {**issuer.keys, "enc": rsa("enc", use="enc"), "ps": rsa("ps", alg="PS256")}
    issuer.publish("rsa", "enc", "ps")
    deployment = deploy(oauth_issuers={issuer.url: AUDIENCE})
    deployment.issue()
    for key in ("enc", "ps"):
        headers = {"Authorization": f"Bearer {issuer.sign(key=key)}"}
        refused(deployment.app.test_client().get(LOOKUP, headers=headers))


def test_a_changed_token_is_refused(ask, issuer):
    """A token with another's claims, signature or key is refused."""
    token, other = issuer.sign(), issuer.sign(issuer.claims(client_id="other"))
    header, claims, signature = token.split(".")
    assert record(ask(token)) == VOUCHER
    refused(ask(f"{header}.{other.split('.')[1]}.{signature}"))
    refused(ask(f"{header}.{claims}.{other.split('.')[2]}"))
    refused(ask(f"{header}.{claims}.{signature[:-6]}"))
    refused(ask(f"{header}.{claims}."))
    refused(ask(issuer.sign(key="stranger")))


@pytest.mark.parametrize(
    "make",
    [
        lambda token: token.rpartition(".")[0],
        lambda token: token + ".x",
        lambda token: token + ".x.y",
        lambda token: "." + token,
        lambda _: "..",
        lambda _: "e30.e30.e30",
        lambda _: "!!!.???.###",
        lambda _: "W10.W10.x",
        lambda _: "bnVsbA.bnVsbA.x",
        lambda _: f"{base64url(b'{').decode()}.e30.x",
        lambda _: f"e30.{base64url(bytes([255, 254])).decode()}.x",
        lambda token: token.replace(".", ".é"),
    ],
)
def test_what_is_no_jwt_is_refused(ask, issuer, make):
    """A text that only looks like a token is refused without asking the issuer."""
    refused(ask(make(issuer.sign())))
    assert issuer.asked == []


def test_an_oversized_token_is_refused_unread(ask, issuer):
    """A token longer than 8192 characters is refused before anything of it is decoded; a long one below is read."""
    long = issuer.sign(issuer.claims(note="x" * 5500))
    assert 7500 < len(long) <= LONGEST_TOKEN
    assert record(ask(long)) == VOUCHER
    refused(ask(issuer.sign(issuer.claims(note="x" * 6500))))
    deep = base64url(b'{"iss":' + b"[" * 3000 + b"]" * 3000 + b"}").decode()
    refused(ask(f"e30.{deep}.x"))


def test_nobody_elses_tokens_are_looked_at(deploy, issuer):
    """Without the setting, no issuer is asked."""
    deployment = deploy()
    deployment.issue()
    refused(deployment.app.test_client().get(LOOKUP, headers={"Authorization": f"Bearer {issuer.sign()}"}))
    assert issuer.asked == []


def test_each_issuer_signs_for_itself(deploy, issuer, keys):
    """With two issuers, neither can sign in the other's name."""
    with Issuer({**keys, "rsa": keys["stranger"]}) as other:
        deployment = deploy(oauth_issuers={issuer.url: AUDIENCE, other.url: "second"})
        deployment.issue()

        def ask(token):
            return deployment.app.test_client().get(LOOKUP, headers={"Authorization": f"Bearer {token}"})

        assert record(ask(issuer.sign())) == VOUCHER
        assert record(ask(other.sign(other.claims(aud="second")))) == VOUCHER
        refused(ask(other.sign(issuer.claims())))
        refused(ask(other.sign(other.claims(aud=AUDIENCE))))
        refused(ask(issuer.sign(issuer.claims(aud="second"))))


def test_our_own_tokens_work_beside_an_issuers(deployment, ask, issuer):
    """Tokens of ours and of an issuer are accepted side by side."""
    issued = deployment.issue("both")
    own = record(deployment.asking(issued.api_key).get("/v1/token"))["accessToken"]
    for _ in range(2):
        assert record(ask(own)) == VOUCHER
        assert record(ask(issuer.sign(issuer.claims(client_id="both")))) == VOUCHER


def test_the_deprecated_jose_of_authlib_is_not_used():
    """JWTs are read by joserfc; `authlib.jose` goes with Authlib 2.0."""
    files = list((CHECKOUT / "provider").rglob("*.py"))
    assert files
    assert [file.name for file in files if "authlib.jose" in file.read_text()] == []


# The issuer's keys.


def test_an_unknown_key_is_fetched_once_in_the_pause(ask, issuer):
    """However many tokens name unknown keys, the issuer is asked at most once in REFRESH_PAUSE."""
    assert record(ask(issuer.sign())) == VOUCHER
    for number in range(10):
        refused(ask(issuer.sign(header={"kid": f"invented-{number}"})))
    assert issuer.fetches() == 1


def test_a_new_key_is_fetched_when_a_token_names_it(ask, issuer, monkeypatch):
    """After a rotation both keys verify; a key that is no longer published stops verifying."""
    monkeypatch.setattr(issuers, "REFRESH_PAUSE", 0.0)  # the pause is over
    assert record(ask(issuer.sign())) == VOUCHER
    issuer.publish("rsa", "next")
    assert record(ask(issuer.sign(key="next"))) == VOUCHER
    assert record(ask(issuer.sign())) == VOUCHER
    assert issuer.fetches() == 2
    issuer.publish("next")
    refused(ask(issuer.sign(header={"kid": "unknown"})))
    refused(ask(issuer.sign()))
    assert record(ask(issuer.sign(key="next"))) == VOUCHER


def test_a_withdrawn_key_is_noticed_in_time(ask, issuer, monkeypatch):
    """Keys are fetched again when they are old, so that a withdrawn one stops verifying."""
    monkeypatch.setattr(issuers, "REFRESH_PAUSE", 0.0)
    assert record(ask(issuer.sign())) == VOUCHER
    issuer.publish("next")
    assert record(ask(issuer.sign())) == VOUCHER
    monkeypatch.setattr(issuers, "KEYS_LIFETIME", 0.0)  # the keys are old
    refused(ask(issuer.sign()))


def test_known_keys_outlive_an_outage(ask, issuer, monkeypatch):
    """While the issuer is down or answers nonsense, the keys already known go on verifying."""
    monkeypatch.setattr(issuers, "REFRESH_PAUSE", 0.0)
    monkeypatch.setattr(issuers, "KEYS_LIFETIME", 0.0)
    assert record(ask(issuer.sign())) == VOUCHER
    issuer.pages["/keys"] = lambda request: respond(request, b"<html>", status=200)
    assert record(ask(issuer.sign())) == VOUCHER
    issuer.pages["/keys"] = lambda request: respond(request, b"", status=503)
    assert record(ask(issuer.sign())) == VOUCHER
    issuer.serve("/keys", {"keys": []})
    assert record(ask(issuer.sign())) == VOUCHER
    token = issuer.sign()
    issuer.stop()
    assert record(ask(token)) == VOUCHER
    refused(ask(issuer.sign(header={"kid": "unknown"})))


def test_callers_side_by_side_wait_for_the_first_fetch(ask, issuer):
    """Tokens that come while the keys are fetched for the first time are not refused for it."""
    keys, asking = issuer.pages["/keys"], []

    def slowly(request):
        eventually(lambda: len(asking) == 6)
        time.sleep(0.1)  # for the last one to get as far as the others
        keys(request)

    issuer.pages["/keys"] = slowly
    tokens = [issuer.sign() for _ in range(6)]

    def ask_along(token):
        asking.append(token)
        return ask(token)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask_along, tokens))
    assert [record(answer) for answer in answers] == [VOUCHER] * 6
    assert issuer.fetches() == 1


def test_a_slow_issuer_holds_up_one_caller_alone(ask, issuer, monkeypatch):
    """While the keys of a slow issuer are fetched anew, other callers use those that are known."""
    monkeypatch.setattr(issuers, "REFRESH_PAUSE", 0.0)
    assert record(ask(issuer.sign())) == VOUCHER
    release, keys = Event(), issuer.pages["/keys"]

    def slowly(request):
        release.wait(PATIENCE_SECONDS)
        keys(request)

    issuer.pages["/keys"] = slowly
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, issuer.sign(header={"kid": "unknown"}))
        eventually(lambda: issuer.fetches() == 2)
        assert record(ask(issuer.sign())) == VOUCHER
        refused(ask(issuer.sign(header={"kid": "another"})))
        release.set()
        refused(waiting.result())
    assert issuer.fetches() == 2


def test_a_hanging_issuer_is_given_up(ask, issuer, monkeypatch):
    """An issuer whose answer is too slow as a whole is given up, even when bytes keep coming."""
    monkeypatch.setattr(issuers, "_FETCH_SECONDS", 0.3)
    drips = []

    def drip(request):
        request.send_response(200)
        request.end_headers()
        for _ in range(10_000):
            request.wfile.write(b" ")
            drips.append(True)
            time.sleep(0.05)

    issuer.pages["/keys"] = drip
    refused(ask(issuer.sign()))
    assert len(drips) < 10_000


DOCUMENTS = {
    "no JSON": b"<html>",
    "a list": b"[]",
    "no keys": b"{}",
    "keys that are text": b'{"keys": "rsa"}',
    "keys that are numbers": b'{"keys": [1, null, "x"]}',
    "a key without a type": b'{"keys": [{"kid": "rsa"}]}',
    "a key without its numbers": b'{"keys": [{"kid": "rsa", "kty": "RSA"}]}',
    "a key of nonsense": b'{"keys": [{"kid": "rsa", "kty": "RSA", "n": "!!", "e": "??"}]}',
    "an oversized document": b'{"keys": []' + b" " * 300_000 + b"}",
    "nesting": b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_key_document_that_is_none_is_refused(ask, issuer, text):
    """When the document of keys is broken in any way, tokens are refused and nothing fails."""
    issuer.pages["/keys"] = lambda request: respond(request, text)
    refused(ask(issuer.sign()))


def test_one_bad_key_does_not_spoil_the_others(ask, issuer):
    """A key that is broken or of an unknown kind is skipped (RFC 7517 section 5)."""
    more = [
        {"kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "x"},
        {"kty": "EC", "kid": "curve", "crv": "P-000", "x": "x", "y": "y"},
        {"kty": "RSA", "kid": "broken", "n": "!!"},
        {"kid": "nothing"},
        "no object",
    ]
    issuer.publish("rsa", more=more)
    assert record(ask(issuer.sign())) == VOUCHER


def test_a_single_key_needs_no_id(deploy, issuer, keys):
    """Where the issuer publishes one key, tokens need not name it; where there are several they must."""
    public = {name: value for name, value in keys["rsa"].as_dict(private=False).items() if name != "kid"}
    issuer.serve("/keys", {"keys": [public]})
    deployment = deploy(oauth_issuers={issuer.url: AUDIENCE})
    deployment.issue()
    headers = {"Authorization": f"Bearer {issuer.sign(header={'kid': None})}"}
    assert record(deployment.app.test_client().get(LOOKUP, headers=headers)) == VOUCHER
    issuer.publish("rsa", "next")
    several = deploy(oauth_issuers={issuer.url: AUDIENCE})
    refused(several.app.test_client().get(LOOKUP, headers=headers))


def test_no_redirect_is_followed(ask, issuer):
    """A redirect of the keys or the metadata is not followed."""
    keys = issuer.pages["/keys"]
    issuer.pages["/elsewhere"] = keys
    issuer.pages["/keys"] = lambda request: respond(request, b"", status=302, Location="/elsewhere")
    refused(ask(issuer.sign()))
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize(
    "address",
    ["http://keys.example/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "/keys", "", None, 5, "https://"],
)
def test_keys_come_over_https_alone(ask, issuer, address):
    """An address of keys that is not https is not asked (plain http is for this machine)."""
    issuer.serve(METADATA, {"issuer": issuer.url, "jwks_uri": address})
    refused(ask(issuer.sign()))
    assert issuer.fetches() == 0


@pytest.mark.parametrize("name", ["https://evil.example", "", None])
def test_metadata_must_be_the_issuers_own(ask, issuer, name):
    """Metadata that names another issuer is not believed (RFC 8414 section 3.3)."""
    issuer.serve(METADATA, {"issuer": name, "jwks_uri": f"{issuer.url}/keys"})
    refused(ask(issuer.sign()))
    assert issuer.fetches() == 0


@pytest.mark.parametrize("status", [404, 200])
def test_openid_metadata_does_as_well(ask, issuer, status):
    """An issuer that only speaks OpenID Connect is understood, even when it answers everything with a page."""
    issuer.pages[OPENID] = issuer.pages.pop(METADATA)
    if status == 200:
        issuer.pages[METADATA] = lambda request: respond(request, b"<html>welcome</html>")
    assert record(ask(issuer.sign())) == VOUCHER
    assert issuer.asked == [METADATA, OPENID, "/keys"]


@pytest.mark.parametrize("path", ["/realms/shop", "/realms/shop/"])
def test_an_issuer_may_have_a_path(deploy, keys, path):
    """The metadata of an issuer with a path is where RFC 8414 or OpenID Connect puts it."""
    for place in (f"{METADATA}/realms/shop", f"/realms/shop{OPENID}"):
        with Issuer(keys) as site:
            name = site.url + path
            site.pages.pop(METADATA)
            site.serve(place, {"issuer": name, "jwks_uri": f"{site.url}/keys"})
            deployment = deploy(oauth_issuers={name: AUDIENCE})
            if "pango" not in {client.name for client in deployment.clients.list()}:
                deployment.issue()
            headers = {"Authorization": f"Bearer {site.sign(site.claims(iss=name))}"}
            assert record(deployment.app.test_client().get(LOOKUP, headers=headers)) == VOUCHER


@pytest.mark.parametrize(
    "name", ["http://login.example", "login.example", "ftp://login.example", "https://", "", "http://127.0.0.1.example"]
)
def test_an_issuer_without_https_stops_the_start(deploy, name):
    """An issuer that is not https stops the start with the setting's name (plain http is for this machine)."""
    with pytest.raises(ConfigurationError, match="PROVIDER_OAUTH_ISSUERS"):
        deploy(oauth_issuers={name: AUDIENCE})


def test_a_compressed_document_is_no_larger_than_another(ask, issuer):
    """The size limit holds for the document after decompression."""
    bomb = gzip.compress(b" " * 50_000_000)
    issuer.pages["/keys"] = lambda request: respond(request, bomb, Content_Encoding="gzip")
    refused(ask(issuer.sign()))


def test_an_expired_outside_token_is_no_guess(ask, issuer):
    """A genuine token that has expired is refused as such however often it comes: its caller is to fetch another."""
    expired = issuer.sign(issuer.claims(exp=int((datetime.now(UTC) - timedelta(minutes=5)).timestamp())))
    for _ in range(25):
        refused(ask(expired))
