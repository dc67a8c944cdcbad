"""The envelope over HTTP: each combination of keys, for a deployment and for a client."""

from itertools import count, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import PHONE, VOUCHER, envelope_of, failure, record

from provider.contract.envelope import CHOICES, Envelope
from provider.errors import ERRORS, ConfigurationError, NotFound

KEYS = ("success_key", "data_key", "message_key", "error_code_key")
COMBINATIONS = [dict(zip(KEYS, chosen, strict=True)) for chosen in product(*(CHOICES[key] for key in KEYS))]
combinations = pytest.mark.parametrize("keys", COMBINATIONS, ids=lambda keys: ",".join(keys.values()))
NUMBERS = count()
FOUND = f"/v1/data/voucher?phone={PHONE}"
MISSED = "/v1/data/voucher?phone=0399999999"


@combinations
def test_a_deployment_may_choose_each_combination(deploy, keys):
    """With any combination in the settings, all answers have exactly those keys, to known and unknown callers."""
    deployed, envelope = deploy(**keys), Envelope(**keys)
    client = deployed.asking(deployed.issue().api_key)
    assert record(client.get(FOUND), envelope) == VOUCHER
    failure(client.get(MISSED), "NotFound", 200, envelope)
    failure(deployed.asking().get(FOUND), "Unauthorized", 401, envelope)
    failure(deployed.asking().get("/nothing"), "UnknownDataset", 404, envelope)


@combinations
def test_a_client_may_choose_each_combination(shared_deployment, keys):
    """With any combination of its own, a client's answers have exactly those keys, and nobody else's change."""
    envelope = Envelope(**keys)
    client = shared_deployment.asking(shared_deployment.issue("-".join(["c", *keys.values()]), **keys).api_key)
    assert record(client.get(FOUND), envelope) == VOUCHER
    failure(client.get(MISSED), "NotFound", 200, envelope)
    failure(client.get("/nothing"), "UnknownDataset", 404, envelope)
    failure(shared_deployment.asking().get(FOUND), "Unauthorized", 401)


def test_clients_of_one_deployment_each_have_their_own(deploy):
    """Each Pango connection can have its own names: what a client does not choose is the deployment's."""
    deployed = deploy(success_key="isSuccess", message_key="msg", error_codes={"NotFound": "E404"}, miss="empty")
    plain = deployed.asking(deployed.issue("plain").api_key)
    own = deployed.asking(
        deployed.issue("own", data_key="body", message_key="", error_codes={"NotFound": "-1"}, miss="failure").api_key
    )
    assert envelope_of(plain.get(MISSED), Envelope(success_key="isSuccess", message_key="msg", miss="empty")) == {
        "isSuccess": True, "msg": NotFound.default, "errorCode": 0, "data": {},
    }  # fmt: skip
    assert envelope_of(own.get(MISSED), Envelope(success_key="isSuccess", data_key="body", message_key="")) == {
        "isSuccess": False, "errorCode": "-1", "body": {},
    }  # fmt: skip


def test_codes_are_renamed(deploy):
    """A renamed code is answered under the client's new name, to unknown callers under the deployment's."""
    deployed = deploy(error_codes={"Unauthorized": "-102", "MissingIdentifier": "E1"})
    client = deployed.asking(deployed.issue().api_key)
    failure(deployed.asking().get(FOUND), "-102", 401)
    failure(client.get("/v1/data/voucher"), "E1", 400)
    failure(client.get(MISSED), "NotFound", 200)


STATUS_CASES = {
    "success": ("GET", FOUND, {}, 200),
    "nobody": ("GET", MISSED, {}, 200),
    "missing": ("GET", "/v1/data/voucher", {}, 400),
    "unknown dataset": ("GET", "/v1/data/nothing", {}, 404),
    "unknown address": ("GET", "/nothing", {}, 404),
    "method": ("PUT", FOUND, {}, 405),
    "too large": ("POST", FOUND, {"data": b"x" * 70_000}, 413),
    "media type": ("POST", FOUND, {"data": b"x", "content_type": "text/xml"}, 415),
}


@pytest.mark.parametrize(("method", "path", "sent", "status"), STATUS_CASES.values(), ids=STATUS_CASES)
@pytest.mark.parametrize("by_client", [True, False])
def test_the_status_may_always_be_200(deploy, by_client, method, path, sent, status):
    """With `always_200`, of the deployment or of the client, the envelope alone says that it is an error."""
    habit = {"http_status": "always_200"}
    deployed = deploy() if by_client else deploy(**habit)
    quiet = deployed.asking(deployed.issue("quiet", **habit if by_client else {}).api_key)
    answer = quiet.open(path, method=method, **sent)
    assert answer.status_code == 200
    standard = deploy().asking(deployed.issue("standard").api_key)
    expected = standard.open(path, method=method, **sent)
    assert expected.status_code == status
    assert envelope_of(answer) == envelope_of(expected)


def test_401_may_be_200_too(deploy):
    """With `always_200` a refusal is HTTP 200 with success false, and still carries its challenge."""
    answer = deploy(http_status="always_200").asking().get(FOUND)
    failure(answer, "Unauthorized", 200)
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("by_client", [True, False])
def test_a_miss_may_be_an_empty_success(deploy, by_client):
    """With `empty`, of the deployment or of the client, nobody matching is a success without data."""
    habit = {"miss": "empty"}
    deployed = deploy() if by_client else deploy(**habit)
    client = deployed.asking(deployed.issue(**habit if by_client else {}).api_key)
    assert record(client.get(MISSED)) == {}
    failure(client.get("/v1/data/voucher"), "MissingIdentifier", 400)
    failure(client.get("/v1/data/nothing"), "UnknownDataset", 404)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("success_key", "ok"),
        ("data_key", ""),
        ("message_key", "text"),
        ("error_code_key", "code"),
        ("http_status", "200"),
        ("miss", "none"),
        ("error_codes", {"Nope": "1"}),
        ("phone_region", "vn"),
    ],
)
def test_a_wrong_choice_stops_the_start(deploy, setting, value):
    """A deployment with a choice outside the closed set does not start, and says which ones there are."""
    with pytest.raises(ConfigurationError, match=setting.upper()):
        deploy(**{setting: value})


@pytest.mark.parametrize("name", ["", " ", "token key", "khóa", "token:key", "token\nkey"])
def test_a_header_that_cannot_be_stops_the_start(deploy, name):
    """A name no header can have (RFC 9110 section 5.6.2) stops the start: with it every call would be refused."""
    with pytest.raises(ConfigurationError, match="PROVIDER_API_KEY_HEADER"):
        deploy(api_key_header=name)


def test_a_wrong_choice_makes_no_client(deployment):
    """A client with a choice outside the closed set is refused when it is made, not at its first call."""
    with pytest.raises(ConfigurationError, match="DATA_KEY"):
        deployment.issue(data_key="payload")
    assert deployment.clients.list() == []


@given(
    names=st.fixed_dictionaries({key: st.sampled_from(choices) for key, choices in CHOICES.items()}),
    renamed=st.dictionaries(st.sampled_from([*ERRORS]), st.text(min_size=1, max_size=8), max_size=3),
    number=st.integers(0, 3),
)
def test_any_envelope_is_well_formed_for_any_outcome(shared_deployment, names, renamed, number):
    """Every outcome has exactly the keys, the code names and the status that the client chose."""
    envelope = Envelope(**names, error_codes=renamed)
    name = f"any-{next(NUMBERS)}"
    client = shared_deployment.asking(shared_deployment.issue(name, **names, error_codes=renamed).api_key)
    path, code, status = [
        (FOUND, "0", 200),
        (MISSED, "NotFound", 200),
        ("/v1/data/voucher", "MissingIdentifier", 400),
        ("/nothing", "UnknownDataset", 404),
    ][number]
    answer = client.get(path)
    content = envelope_of(answer, envelope)
    assert answer.status_code == (200 if envelope.http_status == "always_200" else status)
    succeeds = number == 0 or (number == 1 and envelope.miss == "empty")
    assert content[envelope.success_key] is succeeds
    if envelope.error_code_key and not succeeds:
        assert content[envelope.error_code_key] == renamed.get(code, code)
