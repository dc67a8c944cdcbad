"""Tokens for pushing to Pango: fetched in two ways, and shared by all threads."""

import hashlib
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any, Protocol

import httpx2
import orjson

from provider.auth.addresses import is_trustworthy
from provider.errors import ConfigurationError
from provider.ingestion.pango.http import Reply, Unanswered, post
from provider.settings import Settings, variable

RENEW_SECONDS = 60.0
"""A token is renewed so long before its end; one that lives less than twice as long, at half its life."""

UNKNOWN_LIFETIME = 300.0
"""How long a token of version 1 is used when Pango does not say its end; by the documentation it lives 1800 s."""

REFUSAL_SECONDS = 1.0
"""A failed fetch is the answer to every thread for so long: they do not all try again one after the other."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e]{1,8192}")
_REQUIRED = {
    "v1": ("pango_username", "pango_api_key", "pango_group_key"),
    "v2": ("pango_org_id", "pango_app_id", "pango_account", "pango_refresh_token"),
}
_IN_HEADERS = ("pango_api_key", "pango_org_id", "pango_refresh_token")


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its end, in seconds of `time.monotonic()`; infinite when Pango does not say."""

    text: str = field(repr=False)
    expires_at: float


class NoToken(Exception):
    """Pango gives no token. `limited`: there were too many requests; `retry_after` is how long to wait, or None."""

    def __init__(
        self, message: str, *, code: str | None = None, limited: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.limited = limited
        self.retry_after = retry_after


class Authentication(Protocol):
    """A way of authenticating with Pango."""

    def headers(self, token: str) -> dict[str, str]:
        """Return the headers of an ingest call."""

    def fetch(self, http: httpx2.Client) -> Token:
        """Fetch a token; NoToken."""


@dataclass(frozen=True, slots=True)
class UserKeys:
    """Version 1: a user's API key and the organisation's key (PangoCDP, "Authentication")."""

    url: str
    username: str
    api_key: str = field(repr=False)
    group_key: str = field(repr=False)

    def headers(self, token: str) -> dict[str, str]:
        """Return the headers of an ingest call (PangoCDP, "Data Ingestion")."""
        return {"TOKEN": token, "API_KEY": self.api_key}

    def fetch(self, http: httpx2.Client) -> Token:
        """Fetch a token; NoToken."""
        asked_at = time.monotonic()
        body = {"username": self.username, "apiKey": self.api_key, "cdpGKey": self.group_key}
        content = _request_token(http, self.url, {}, body)
        return Token(_first_token(content.get("token")), asked_at + _lifetime(content))


@dataclass(frozen=True, slots=True)
class AppConnect:
    """Version 2: the long-lived token of an App Connect. Pango does not document it; public clients do it like this."""

    url: str
    org_id: str
    app_id: str
    account: str
    refresh_token: str = field(repr=False)

    def headers(self, token: str) -> dict[str, str]:
        """Return the headers of an ingest call."""
        return {"OrgId": self.org_id, "AccessToken": f"Bearer {token}"}

    def fetch(self, http: httpx2.Client) -> Token:
        """Fetch a token, whose end Pango does not say; NoToken."""
        body = {"appId": self.app_id, "account": self.account}
        content = _request_token(http, self.url, {"refreshToken": self.refresh_token}, body)
        data = content.get("data")
        data = data if isinstance(data, dict) else {}
        places = (
            data.get("accessToken"),
            content.get("accessToken"),
            data.get("token"),
            content.get("token"),
            data.get("access_token"),
        )
        return Token(_first_token(*places), math.inf)


class Tokens:
    """The token that all threads share, fetched once however many want it."""

    def __init__(self, authentication: Authentication, http: httpx2.Client) -> None:
        self._authentication = authentication
        self._http = http
        self._fetching = Lock()
        self._token = ""
        self._renew_at = -math.inf
        self._refusal: NoToken | None = None
        self._refused_until = -math.inf

    def get(self) -> str:
        """Return a token that is still valid for a while; NoToken."""
        with self._fetching:
            return self._token if time.monotonic() < self._renew_at else self._fetch()

    def renew(self, stale: str) -> str:
        """Return another token than `stale`, which Pango refused; NoToken."""
        with self._fetching:
            return self._token if self._token != stale and time.monotonic() < self._renew_at else self._fetch()

    def _fetch(self) -> str:
        if self._refusal and time.monotonic() < self._refused_until:
            raise self._refusal
        try:
            token = self._authentication.fetch(self._http)
        except NoToken as refusal:
            self._refusal, self._refused_until = refusal, time.monotonic() + REFUSAL_SECONDS
            raise
        now = time.monotonic()
        self._token = token.text
        self._renew_at = token.expires_at - min(RENEW_SECONDS, (token.expires_at - now) / 2)
        return self._token


def choose_authentication(settings: Settings) -> Authentication:
    """Choose the way of authenticating by PROVIDER_PANGO_AUTH; ConfigurationError for a setting that is wrong."""
    for name in ("pango_auth_url", "pango_ingest_url"):
        if not _is_safe_address(_require(settings, name)):
            raise ConfigurationError(
                f"{variable(name)} is no address to send to. Write https://...; plain http is for this machine only."
            )
    for name in _REQUIRED[settings.pango_auth]:
        if not _HEADER_VALUE.fullmatch(_require(settings, name)) and name in _IN_HEADERS:
            raise ConfigurationError(
                f"{variable(name)} has characters that no key has. Copy it again, without blanks and line ends."
            )
    if settings.pango_auth == "v2":
        return AppConnect(
            settings.pango_auth_url,
            settings.pango_org_id,
            settings.pango_app_id,
            settings.pango_account,
            settings.pango_refresh_token,
        )
    return UserKeys(settings.pango_auth_url, settings.pango_username, settings.pango_api_key, settings.pango_group_key)


def account_name(settings: Settings) -> str:
    """Name the account at Pango for the rate limiter: a hash of who sends.

    A new API key or token does not change the name: Pango goes on counting.
    """
    who = (
        (settings.pango_username, settings.pango_group_key)
        if settings.pango_auth == "v1"
        else (settings.pango_org_id, settings.pango_app_id, settings.pango_account)
    )
    return hashlib.sha256(orjson.dumps((settings.pango_ingest_url, *who))).hexdigest()[:32]


def _require(settings: Settings, name: str) -> str:
    value: str = getattr(settings, name)
    if not value:
        raise ConfigurationError(
            f"{variable(name)} is not set, which pushing to Pango with PROVIDER_PANGO_AUTH={settings.pango_auth} "
            "needs. Write it into .env; `provider settings` says what it is."
        )
    return value


def _is_safe_address(text: str) -> bool:
    """Return whether it is a safe address, without a password: that would be shown with the address."""
    try:
        return is_trustworthy(text) and not httpx2.URL(text).userinfo
    except httpx2.InvalidURL:
        return False


def _request_token(
    http: httpx2.Client, url: str, headers: Mapping[str, str], body: Mapping[str, str]
) -> Mapping[str, Any]:
    """Ask for a token and return the answer's JSON; NoToken."""
    try:
        reply = post(http, url, headers, orjson.dumps(body))
    except Unanswered as error:
        raise NoToken(f"No token: {error}") from None
    if reply.status != HTTPStatus.OK or reply.content is None or reply.content.get("success") is False:
        raise _refusal(reply)
    return reply.content


def _refusal(reply: Reply) -> NoToken:
    return NoToken(f"No token: {reply.message}", code=reply.code, limited=reply.limited, retry_after=reply.retry_after)


def _first_token(*places: Any) -> str:
    """Return the first value that is a token: nothing else must get into a header."""
    for value in places:
        if isinstance(value, str) and _HEADER_VALUE.fullmatch(value):
            return value
    raise NoToken("No token: Pango's answer has none.")


def _lifetime(content: Mapping[str, Any]) -> float:
    """Return how many seconds a token of version 1 lives: `expiredAfter` is in seconds, the two times in milliseconds.

    When they disagree the shorter one holds. Pango's times are compared to each other: its clock may differ from ours.
    """
    issued = _number(content.get("issuedAt")) or time.time() * 1000
    after, ends = _number(content.get("expiredAfter")), _number(content.get("expiredAt"))
    lifetimes = [seconds for seconds in (after, ends and (ends - issued) / 1000) if seconds is not None and seconds > 0]
    return min(lifetimes, default=UNKNOWN_LIFETIME)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
