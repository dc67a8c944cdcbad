"""The settings that pushing needs, how long a token is used, and how Retry-After is read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.errors import ConfigurationError
from provider.ingestion.pango import tokens as pango_tokens
from provider.ingestion.pango.http import read_retry_after
from provider.ingestion.pango.tokens import Token, Tokens, account_name, choose_authentication
from provider.settings import Settings

ADDRESSES = {"pango_auth_url": "https://account.example/authen", "pango_ingest_url": "https://svc.example/ingest"}
V1 = {**ADDRESSES, "pango_username": "shop 1", "pango_api_key": "key", "pango_group_key": "group"}
V2 = {
    **ADDRESSES,
    "pango_auth": "v2",
    "pango_org_id": "org",
    "pango_app_id": "app",
    "pango_account": "account",
    "pango_refresh_token": "long",
}


@pytest.mark.parametrize("given", [V1, V2], ids=["v1", "v2"])
def test_a_missing_setting_is_named(given):
    """Every setting of a version is needed, and the one that is missing is named with what to do."""
    choose_authentication(Settings(**given))
    for name in set(given) - {"pango_auth"}:
        with pytest.raises(ConfigurationError, match=rf"PROVIDER_{name.upper()} is not set.*\.env"):
            choose_authentication(Settings(**{**given, name: ""}))


@pytest.mark.parametrize("name", ["pango_auth_url", "pango_ingest_url"])
@pytest.mark.parametrize(
    "address",
    [
        "http://svc.example/ingest",
        "http://127.0.0.1.example/",
        "ftp://svc.example/",
        "svc.example/ingest",
        "https://",
        "https://svc.example:99999/",
        "https://user:password@svc.example/",
        "https://[::1/",
    ],
)
def test_an_address_must_be_encrypted(name, address):
    """Plain http is for this machine only; an address with a password is refused, and not shown."""
    with pytest.raises(ConfigurationError, match=f"PROVIDER_{name.upper()} is no address") as caught:
        choose_authentication(Settings(**{**V1, name: address}))
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8100/x", "http://localhost/x", "http://[::1]:1/x"])
def test_this_machine_needs_no_encryption(address):
    """Plain http is fine within this machine."""
    choose_authentication(Settings(**{**V1, "pango_auth_url": address, "pango_ingest_url": address}))


@pytest.mark.parametrize(("given", "name"), [(V1, "pango_api_key"), (V2, "pango_org_id"), (V2, "pango_refresh_token")])
@pytest.mark.parametrize("value", ["key\n", "key 1", "khoá"])
def test_what_goes_into_a_header_must_fit(given, name, value):
    """A key with blanks, line ends or accents is a copying mistake, and is not repeated."""
    with pytest.raises(ConfigurationError, match=f"PROVIDER_{name.upper()} has characters") as caught:
        choose_authentication(Settings(**{**given, name: value}))
    assert value not in str(caught.value)


def test_an_account_has_a_name_that_tells_nothing():
    """Accounts have different names, a replaced key keeps the name, and no part of the credentials is in it."""
    names = {account_name(Settings(**given)) for given in (V1, V2, {**V1, "pango_username": "other"})}
    assert len(names) == 3
    assert account_name(Settings(**{**V1, "pango_api_key": "new"})) == account_name(Settings(**V1))
    assert account_name(Settings(**{**V2, "pango_refresh_token": "new"})) == account_name(Settings(**V2))
    assert all(len(name) == 32 and int(name, 16) for name in names)


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        """Tell the time."""
        return self.now


class Counter:
    """A way of authenticating that counts, with tokens of 1800 seconds."""

    def __init__(self, clock):
        self.clock = clock
        self.fetched = 0

    def fetch(self, _):
        """Make another token."""
        self.fetched += 1
        return Token(str(self.fetched), self.clock.now + 1800)


def test_a_token_is_kept_until_a_minute_before_its_end(monkeypatch):
    """A token of half an hour is used for 29 minutes, and one that was renewed counts anew."""
    clock = Clock()
    monkeypatch.setattr(pango_tokens, "time", clock)
    tokens = Tokens(Counter(clock), None)
    assert tokens.get() == "1"
    clock.now += 1739
    assert tokens.get() == "1"
    clock.now += 1
    assert tokens.get() == "2"
    assert tokens.renew("1") == "2"
    assert tokens.renew("2") == "3"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("1e999", None),
        ("5, 10", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("0", 0.1),
        ("-0", 0.1),
        ("0.5", 0.5),
        (" 30 ", 30.0),
        ("86400", 86400.0),
        ("86400.1", None),
        ("99999999999999999999", None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(text, seconds):
    """Seconds are taken as they are, none is a moment, and what is no number, or longer than a day, says nothing."""
    assert read_retry_after(text) == seconds


@given(st.text())
def test_any_text_is_a_sane_wait_or_none(text):
    """Whatever stands in the header, the wait is nothing or between a moment and a day."""
    wait = read_retry_after(text)
    assert wait is None or (math.isfinite(wait) and 0.1 <= wait <= 86400)
