"""The form of what we issue, and what a worker remembers of it."""

import re
import string
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from support import NOON, Deployment

from provider.auth import callers, credentials
from provider.auth.callers import CACHE_SECONDS, Callers
from provider.auth.credentials import KnownCredential, StoredCredentials
from provider.auth.failed_logins import FailedLogins
from provider.auth.keys import API_KEY, CLIENT_SECRET, Pepper, _checksum, make_key, parse_key
from provider.store.provider_database import open_database

BASE62 = string.digits + string.ascii_letters


@pytest.mark.parametrize(("kind", "prefix"), [(API_KEY, "pak"), (CLIENT_SECRET, "pcs")])
def test_a_key_is_prefix_id_secret_and_checksum(kind, prefix):
    """A key is `<prefix>_<id>_<secret><crc32 in base62>`: characters that need no encoding anywhere."""
    key = make_key(kind)
    assert re.fullmatch(rf"{prefix}_[0-9A-Za-z]{{12}}_[0-9A-Za-z]{{38}}", key.text)
    assert key.text.split("_")[1] == key.id
    assert key.last_four == key.text[-4:]
    assert parse_key(key.text, kind) == key


def test_no_two_keys_are_alike():
    """Ids and secrets are random."""
    keys = [make_key(API_KEY) for _ in range(1000)]
    assert len({key.id for key in keys}) == len({key.text[17:49] for key in keys}) == 1000


def test_a_key_of_one_kind_is_none_of_another():
    """A client secret is not accepted for an API key, nor the other way round."""
    assert parse_key(make_key(CLIENT_SECRET).text, API_KEY) is None
    assert parse_key(make_key(API_KEY).text, CLIENT_SECRET) is None


@given(place=st.integers(0, 54), character=st.sampled_from(BASE62))
def test_one_wrong_character_fails_the_checksum(place, character):
    """A key with one character mistyped is none, without asking anybody."""
    text = make_key(API_KEY).text
    mistyped = text[:place] + character + text[place + 1 :]
    assert (parse_key(mistyped, API_KEY) is None) == (mistyped != text)


@given(place=st.integers(17, 53))
def test_two_swapped_characters_fail_the_checksum(place):
    """A key with two neighbours swapped is none."""
    text = make_key(API_KEY).text
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assert (parse_key(swapped, API_KEY) is None) == (swapped != text)


@given(st.one_of(st.text(), st.from_regex(r"pak_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", fullmatch=True)))
def test_any_other_text_is_no_key(text):
    """Text that we did not issue is no key, whatever it looks like; reading it never raises."""
    assert parse_key(text, API_KEY) is None


@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "\ufeff{}", "Bearer {}", "{0},{0}"])
def test_a_key_is_the_whole_text(around):
    """A key with anything around it is none."""
    assert parse_key(around.format(make_key(API_KEY).text), API_KEY) is None


def test_the_stored_hash_depends_on_the_servers_secret():
    """A stolen database alone proves nothing: the same key has another hash under another secret key."""
    text = make_key(API_KEY).text
    here, there = Pepper(b"a" * 32), Pepper(b"b" * 32)
    assert re.fullmatch("[0-9a-f]{64}", here.digest(text))
    assert here.matches(text, here.digest(text))
    assert not there.matches(text, here.digest(text))
    assert not here.matches(make_key(API_KEY).text, here.digest(text))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give the monotonic clock of the keys' memory by hand: time-machine leaves that one alone."""
    hand = SimpleNamespace(now=1000.0)
    hand.monotonic = lambda: hand.now
    monkeypatch.setattr(credentials, "time", hand)
    monkeypatch.setattr(callers, "time", hand)
    return hand


@pytest.fixture
def engine(deployment: Deployment) -> Iterator[Engine]:
    """Open the provider database as a worker does."""
    engine = open_database(deployment.settings)
    yield engine
    engine.dispose()


class Worker:
    """One worker's memory of keys."""

    def __init__(self, engine: Engine, deployment: Deployment) -> None:
        settings = deployment.settings
        self.credentials = StoredCredentials(
            engine,
            settings,
            pepper=Pepper(settings.require_secret_key()),
            callers=Callers(engine, settings),
            failed_logins=FailedLogins(),
        )

    def find(self, text: str) -> KnownCredential | None:
        """Find whose API key this is."""
        return self.credentials.find(text, API_KEY)


@pytest.fixture
def keys(engine: Engine, deployment: Deployment, clock: SimpleNamespace) -> Worker:  # noqa: ARG001 -- must stand first
    """Give one worker."""
    return Worker(engine, deployment)


@pytest.fixture
def reads(engine: Engine) -> Callable[[], int]:
    """Count how often the worker has asked the provider database."""
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *_: asked.append(1))
    return lambda: len(asked)


def test_a_key_is_read_once_in_a_while(deployment, keys, reads, clock):
    """What was read about a key is trusted for CACHE_SECONDS, then read again."""
    key = deployment.issue().api_key
    before = reads()
    assert keys.find(key).caller.name == "pango"
    clock.now += CACHE_SECONDS - 0.1
    assert keys.find(key).caller.name == "pango"
    assert reads() == before + 1  # the key with its owner
    clock.now += 0.1
    assert keys.find(key).caller.name == "pango"
    assert reads() == before + 2


def test_a_revocation_is_felt_within_the_time_keys_are_remembered(deployment, keys, clock):
    """A revoked key is refused after CACHE_SECONDS at most, and before that time it may still be accepted."""
    key = deployment.issue().api_key
    assert not keys.find(key).refusal(0)
    deployment.clients.revoke("pango")
    assert not keys.find(key).refusal(0)
    clock.now += CACHE_SECONDS
    assert keys.find(key).refusal(0)
    assert 0 < CACHE_SECONDS <= 10


def test_a_remembered_key_still_expires_on_time(deployment, keys):
    """Expiry needs no reading: a key that is remembered ends at its second."""
    with time_machine.travel(NOON, tick=False):
        key = deployment.issue().api_key
        deployment.clients.rotate("pango", timedelta(hours=1))
    known = keys.find(key)
    end = (NOON + timedelta(hours=1)).timestamp()
    assert known.refusal(end - 1) is None
    assert "expired" in known.refusal(end)


def test_the_right_id_with_a_wrong_secret_is_no_key(deployment, keys):
    """A well-formed key whose id exists but whose secret is another finds nobody, remembered or not."""
    real = deployment.issue().api_key
    body = f"{real[:17]}{make_key(API_KEY).text[17:49]}"
    forged = body + _checksum(body)
    assert parse_key(forged, API_KEY)
    assert keys.find(forged) is None
    assert keys.find(real) is not None
    assert keys.find(forged) is None


def test_a_typing_error_never_reaches_the_database(deployment, keys, reads):
    """A key that fails its checksum is refused before the database is asked; a well-formed one is looked up."""
    key = deployment.issue().api_key
    before = reads()
    mistyped = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert keys.find(mistyped) is None
    assert keys.find("") is None
    assert reads() == before
    assert keys.find(make_key(API_KEY).text) is None
    assert reads() == before + 1


def test_memory_is_bounded(deployment, keys, monkeypatch):
    """A worker remembers a limited number of keys and goes on finding all of them."""
    monkeypatch.setattr(credentials, "CACHE_SIZE", 3)
    issued = [deployment.issue(f"client-{number}").api_key for number in range(5)]
    assert [keys.find(key).caller.name for key in issued] == [f"client-{number}" for number in range(5)]
    assert len(keys.credentials._known) <= 3  # noqa: SLF001
