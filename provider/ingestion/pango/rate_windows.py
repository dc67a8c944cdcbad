"""Pango's rate limits: how many requests may be made now in all windows at once. Without a clock or a database.

Pango counts a request at some moment between sending and answer. So a permit counts from when it is taken until a whole
window after it is settled: then no window of Pango's can hold more requests than we count.
"""

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import orjson

from provider.errors import ConfigurationError

BUCKETS = 200
"""Settled requests are counted in buckets of a two-hundredth of the window. A bucket leaves the window as a whole."""

LEASE_SECONDS = 60.0
"""Permits count as used when their owner takes or settles none for so long: no request lasts longer."""

SET_BACK_SECONDS = 3600.0
"""A clock that is further behind has been set back: the clocks of two machines never differ so much."""

_NAMES = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
_TEXT = re.compile(r"([1-9]\d{0,8})/(\d{1,9}(?:\.\d{1,6})?)")


@dataclass(frozen=True, slots=True)
class RateWindow:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float

    @property
    def text(self) -> str:
        """Write the limit for people: "1,000 a minute", "5,000 in 300 seconds"."""
        return f"{self.limit:,} {_NAMES.get(self.seconds, f'in {self.seconds:g} seconds')}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests may be made now; when none, how many seconds to wait, and for which limit.

    `limited_by` is for people: "1,000 a minute", or "Pango asked".
    """

    permits: int
    wait: float = 0.0
    limited_by: str | None = None


@dataclass(frozen=True, slots=True)
class WindowUse:
    """How many requests count against the limit of a window."""

    window: RateWindow
    used: int


def read_windows(texts: Sequence[str]) -> list[RateWindow]:
    """Read PROVIDER_PANGO_RATE_LIMITS, `requests/seconds` each; ConfigurationError."""
    found = [_TEXT.fullmatch(text.strip()) for text in texts]
    windows = [RateWindow(int(match[1]), float(match[2])) for match in found if match and float(match[2]) > 0]
    lengths = {window.seconds for window in windows}
    if not windows or len(windows) < len(found) or len(lengths) < len(windows):
        raise ConfigurationError(
            "PROVIDER_PANGO_RATE_LIMITS cannot be read. Write requests/seconds,requests/seconds with each length once, "
            "for instance 50/1,1000/60."
        )
    return windows


@dataclass(slots=True)
class _WindowCount:
    """Counts the settled requests of one window. `buckets` are the number and count of each that is not empty."""

    window: RateWindow
    buckets: deque[list[int]] = field(default_factory=deque)
    used: int = 0

    def add(self, when: float, permits: int) -> None:
        """Count requests that were made at this time or before."""
        number = math.floor(when * BUCKETS / self.window.seconds)
        if self.buckets and self.buckets[-1][0] >= number:
            self.buckets[-1][1] += permits
        else:
            self.buckets.append([number, permits])
        self.used += permits

    def forget(self, now: float) -> None:
        """Drop the buckets that have left the window."""
        while self.buckets and self._leaves(self.buckets[0][0]) <= now:
            self.used -= self.buckets.popleft()[1]

    def wait(self, now: float, excess: int) -> float:
        """Return the seconds until so many of the counted requests have left."""
        for number, permits in self.buckets:
            excess -= permits
            if excess <= 0:
                return self._leaves(number) - now
        return self.window.seconds  # requests under way are settled now at the earliest

    def set_back(self, seconds: float) -> None:
        """Move all buckets back in time, by whole buckets, rather too little than too much."""
        buckets = math.floor(seconds * BUCKETS / self.window.seconds)
        for bucket in self.buckets:
            bucket[0] -= buckets

    def _leaves(self, number: int) -> float:
        return (number + 1) * (self.window.seconds / BUCKETS) + self.window.seconds


@dataclass(slots=True)
class _Lease:
    """The permits of one owner that are not settled, and when the owner counts as dead."""

    ends: float
    permits: int


class RateWindows:
    """All windows of one account. Times are seconds since 1970; a time before the last one counts as the last one."""

    def __init__(self, windows: Sequence[RateWindow]) -> None:
        self._counts = [_WindowCount(window) for window in windows]
        self._leases: dict[str, _Lease] = {}
        self._now = 0.0
        self._held_until = 0.0

    def take(self, now: float, wanted: int, owner: str = "") -> Allowance:
        """Take up to `wanted` permits for `owner`, a process. Taking 0 only extends the lease of those it has."""
        now = self._renew_lease(now, owner)
        if now < self._held_until:
            return Allowance(0, self._held_until - now, "Pango asked")
        taken = self._unsettled()
        permits = min(wanted, *(count.window.limit - count.used - taken for count in self._counts))
        if permits > 0:
            self._leases.setdefault(owner, _Lease(now + LEASE_SECONDS, 0)).permits += permits
            return Allowance(permits)
        if wanted == 0:
            return Allowance(0)
        waits = [
            (count.wait(now, count.used + taken - count.window.limit + 1), count.window.text)
            for count in self._counts
            if count.used + taken >= count.window.limit
        ]
        return Allowance(0, *max(waits))

    def settle(self, now: float, permits: int, owner: str = "") -> None:
        """Count permits as used now.

        Permits whose lease has ended were counted then. They count again: the request may have been made since.
        """
        now = self._renew_lease(now, owner)
        if lease := self._leases.get(owner):
            lease.permits -= permits
            if lease.permits <= 0:
                del self._leases[owner]
        self._add_used(now, permits)

    def hold(self, now: float, seconds: float) -> None:
        """Give no permits for so many seconds."""
        self._held_until = max(self._held_until, self._advance(now) + seconds)

    def uses(self, now: float) -> list[WindowUse]:
        """Return how much of each window is used."""
        self._advance(now)
        return [WindowUse(count.window, count.used + self._unsettled()) for count in self._counts]

    def dump(self) -> bytes:
        """Write the state as JSON, a few kilobytes."""
        return orjson.dumps(
            {
                "now": self._now,
                "held": self._held_until,
                "leases": {owner: [lease.ends, lease.permits] for owner, lease in self._leases.items()},
                "windows": [[count.window.seconds, list(count.buckets)] for count in self._counts],
            }
        )

    @classmethod
    def load(cls, windows: Sequence[RateWindow], state: bytes) -> Self:
        """Read what `dump` wrote. A limit may have changed since; a window of a new length starts empty."""
        written = orjson.loads(state)
        made = cls(windows)
        made._now, made._held_until = written["now"], written["held"]
        made._leases = {owner: _Lease(*lease) for owner, lease in written["leases"].items()}
        known = dict(written["windows"])
        for count in made._counts:
            count.buckets = deque(known.get(count.window.seconds, ()))
            count.used = sum(permits for _, permits in count.buckets)
        return made

    def _unsettled(self) -> int:
        return sum(lease.permits for lease in self._leases.values())

    def _add_used(self, when: float, permits: int) -> None:
        if permits:
            for count in self._counts:
                count.add(when, permits)

    def _renew_lease(self, now: float, owner: str) -> float:
        """Move to this time, and extend the lease of an owner."""
        now = self._advance(now)
        if lease := self._leases.get(owner):
            lease.ends = now + LEASE_SECONDS
        return now

    def _advance(self, now: float) -> float:
        """Move to this time unless it is past; count the permits whose lease has ended; return the time."""
        if now < self._now - SET_BACK_SECONDS:
            self._set_back(self._now - now)
        self._now = max(self._now, now)
        for owner in [owner for owner, lease in self._leases.items() if lease.ends <= self._now]:
            lease = self._leases.pop(owner)
            self._add_used(lease.ends, lease.permits)
        for count in self._counts:
            count.forget(self._now)
        return self._now

    def _set_back(self, seconds: float) -> None:
        """Follow a clock that was set back, as if no time had passed."""
        self._now -= seconds
        self._held_until -= seconds
        for lease in self._leases.values():
            lease.ends -= seconds
        for count in self._counts:
            count.set_back(seconds)
