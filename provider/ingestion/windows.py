"""Pango's rate limits as arithmetic: how many requests may be made now in every window at once. No clock, no store."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Grant:
    """Permits for as many requests; when there are none, how many seconds to wait, and which limit it is.

    `limited_by` is for people: "1,000 a minute", or "Pango asked".
    """

    permits: int
    wait: float = 0.0
    limited_by: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a window is used."""

    window: Window
    used: int


def read_windows(texts: Sequence[str]) -> list[Window]:
    """Read PROVIDER_PANGO_RATE_LIMITS; ConfigurationError."""
    raise NotImplementedError
