"""The envelope: Pango's closed sets of keys, in every combination."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.contract.envelope import CHOICES, Envelope
from provider.errors import ERRORS, ConfigurationError, NotFound, Unauthorized
from provider.settings import Settings

KEYS = ("success_key", "data_key", "message_key", "error_code_key")
COMBINATIONS = [dict(zip(KEYS, chosen, strict=True)) for chosen in product(*(CHOICES[key] for key in KEYS))]
RECORD = {"code": "E094", "expired": False, "value": 10000}


def test_the_key_names_are_those_of_the_document():
    """Pango's document names two success keys, four data keys, three message keys and two error code keys."""
    assert {key: {name for name in CHOICES[key] if name} for key in KEYS} == {
        "success_key": {"success", "isSuccess"},
        "data_key": {"data", "result", "response", "body"},
        "message_key": {"message", "msg", "errorMsg"},
        "error_code_key": {"errorCode", "responseCode"},
    }
    assert [key for key in KEYS if "" in CHOICES[key]] == ["message_key", "error_code_key"]


@pytest.mark.parametrize("keys", COMBINATIONS, ids=lambda keys: ",".join(keys.values()))
def test_every_combination_has_exactly_its_keys(keys):
    """An answer has exactly the configured keys, on success and on failure, left-out keys included."""
    envelope = Envelope(**keys)
    expected = [keys["success_key"], keys["data_key"], keys["message_key"], keys["error_code_key"]]
    present = {name for name in expected if name}

    ok = envelope.ok(RECORD)
    assert set(ok) == present
    assert ok[keys["success_key"]] is True
    assert ok[keys["data_key"]] == RECORD
    if keys["error_code_key"]:
        assert ok[keys["error_code_key"]] == 0
        assert type(ok[keys["error_code_key"]]) is int
    if keys["message_key"]:
        assert ok[keys["message_key"]] == "OK"

    failed = envelope.error(Unauthorized("No."))
    assert set(failed) == present
    assert failed[keys["success_key"]] is False
    assert failed[keys["data_key"]] == {}
    if keys["error_code_key"]:
        assert failed[keys["error_code_key"]] == "Unauthorized"
    if keys["message_key"]:
        assert failed[keys["message_key"]] == "No."


def test_there_are_all_combinations():
    """The combinations are 2 success, 4 data, 3 message and 2 error code keys, the last two with one more: left out."""
    assert len(COMBINATIONS) == 2 * 4 * (3 + 1) * (2 + 1)


@pytest.mark.parametrize("code", ERRORS)
def test_every_code_can_be_renamed(code):
    """A renamed code goes out under its new name, the others under their own."""
    envelope = Envelope(error_codes={code: "-102"})
    assert envelope.error(ERRORS[code]())["errorCode"] == "-102"
    for other in set(ERRORS) - {code}:
        assert envelope.error(ERRORS[other]())["errorCode"] == other


@pytest.mark.parametrize("code", ERRORS)
def test_the_status_says_it_or_the_envelope_alone(code):
    """In `standard` mode an error has its HTTP status; in `always_200` mode the envelope alone says it."""
    error = ERRORS[code]()
    assert Envelope().status(error) == error.status
    assert Envelope(http_status="always_200").status(error) == 200


def test_a_miss_may_be_an_empty_success():
    """With `empty`, nobody matching is a success without data; every other error stays a failure."""
    envelope = Envelope(miss="empty")
    assert envelope.error(NotFound()) == {
        "success": True,
        "message": NotFound.default,
        "errorCode": 0,
        "data": {},
    }
    for code in set(ERRORS) - {"NotFound"}:
        assert envelope.error(ERRORS[code]())["success"] is False


def test_a_miss_is_a_failure_otherwise():
    """By default nobody matching is `NotFound` with HTTP status 200: a business answer."""
    error = NotFound()
    assert Envelope().error(error)["errorCode"] == "NotFound"
    assert Envelope().error(error)["success"] is False
    assert Envelope().status(error) == 200


@pytest.mark.parametrize("part", CHOICES)
@given(value=st.text())
def test_a_choice_outside_the_closed_set_is_refused(part, value):
    """A name or an option that is not among the choices is refused, and the message lists the choices."""
    if value in CHOICES[part]:
        return
    with pytest.raises(ConfigurationError) as caught:
        Envelope(**{part: value})
    assert part.upper() in str(caught.value)
    assert all((choice or "empty") in str(caught.value) for choice in CHOICES[part])


def test_only_codes_there_are_can_be_renamed():
    """Renaming a code that does not exist is refused, and the message lists those there are."""
    with pytest.raises(ConfigurationError, match="'Unauthorised'") as caught:
        Envelope(error_codes={"Unauthorised": "-102"})
    assert all(code in str(caught.value) for code in ERRORS)


@given(
    deployment=st.fixed_dictionaries({key: st.sampled_from(choices) for key, choices in CHOICES.items()}),
    client=st.fixed_dictionaries({}, optional={key: st.sampled_from(choices) for key, choices in CHOICES.items()}),
)
def test_a_clients_own_names_stand_before_the_deployments(deployment, client):
    """A client's envelope is the deployment's but for what the client has of its own, an empty name included."""
    envelope = Envelope.of(Settings(**deployment), client)
    assert {key: getattr(envelope, key) for key in CHOICES} == deployment | client


def test_the_codes_are_the_documented_set():
    """The error codes are exactly those of the public interface, each with a status and a sentence for people."""
    assert set(ERRORS) == {
        "Unauthorized", "Forbidden", "InvalidRequest", "MissingIdentifier", "InvalidPhone", "InvalidEmail", "NotFound",
        "Ambiguous", "UnknownDataset", "MethodNotAllowed", "UnsupportedMediaType", "PayloadTooLarge",
        "TooManyRequests", "SourceUnavailable", "Timeout", "InternalError",
    }  # fmt: skip
    for error in ERRORS.values():
        assert error().message.endswith(".")
        assert error.status == 200 or 400 <= error.status < 600
