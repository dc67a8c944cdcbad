"""Tokens for pushing to Pango: how they are fetched, and kept for everybody who sends."""

from dataclasses import dataclass
from typing import Protocol

import httpx2

from provider.settings import Settings


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends, in seconds of `time.monotonic()`; infinite when Pango does not say."""

    text: str
    expires_at: float


class NoToken(Exception):
    """Pango gives no token; the attributes are those of an Answer."""


class Authentication(Protocol):
    """One way of authenticating."""

    def headers(self, token: str) -> dict[str, str]:
        """Give the headers of an ingest call."""

    def fetch(self, http: httpx2.Client) -> Token:
        """Fetch a token; NoToken."""


class Tokens:
    """The token everybody shares."""

    def get(self) -> str:
        """Give a token that holds for another while; NoToken."""
        raise NotImplementedError

    def renew(self, stale: str) -> str:
        """Give another token than this one, which Pango refused; NoToken."""
        raise NotImplementedError


def choose_authentication(settings: Settings) -> Authentication:
    """Choose the way the settings say; ConfigurationError for one that lacks."""
    raise NotImplementedError


def account_name(settings: Settings) -> str:
    """Name the account at Pango for the Limiter, without telling it: a short hash."""
    raise NotImplementedError
