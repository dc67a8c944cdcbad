"""Pango's rate limits as arithmetic: how many requests may be made now, in every window at once. No clock, no store.

Pango counts a request at some moment between our sending it and its answer, and nobody tells which. So a permit counts
from when it is taken until a whole window after it is settled: then no window of Pango's can hold more than we count.
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
"""Settled requests are kept by the two-hundredth of the window they fall in, and leave when all of it has left."""

LEASE_SECONDS = 60.0
"""When permits count as used whose owner is not heard of any more: Pango gets no request later than that."""

SET_BACK_SECONDS = 3600.0
"""Clocks of several machines never differ as much: one that is as far behind has been set back."""

_NAMES = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
_TEXT = re.compile(r"([1-9]\d{0,8})/(\d{1,9}(?:\.\d{1,6})?)")


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float

    @property
    def text(self) -> str:
        """Say it for people: "1,000 a minute", "5,000 in 300 seconds"."""
        return f"{self.limit:,} {_NAMES.get(self.seconds, f'in {self.seconds:g} seconds')}"


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
    """How much of a window is used: requests that count against its limit."""

    window: Window
    used: int


def read_windows(texts: Sequence[str]) -> list[Window]:
    """Read PROVIDER_PANGO_RATE_LIMITS, `requests/seconds` each; ConfigurationError."""
    found = [_TEXT.fullmatch(text.strip()) for text in texts]
    windows = [Window(int(match[1]), float(match[2])) for match in found if match and float(match[2]) > 0]
    lengths = {window.seconds for window in windows}
    if not windows or len(windows) < len(found) or len(lengths) < len(windows):
        raise ConfigurationError(
            "PROVIDER_PANGO_RATE_LIMITS cannot be read. Write requests/seconds,requests/seconds with each length once, "
            "for instance 50/1,1000/60."
        )
    return windows


@dataclass(slots=True)
class _Ring:
    """The settled requests of one window: the number of each bucket that is not empty, with its count."""

    window: Window
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
        """Drop what has left the window."""
        while self.buckets and self._leaves(self.buckets[0][0]) <= now:
            self.used -= self.buckets.popleft()[1]

    def wait(self, now: float, excess: int) -> float:
        """Tell how long until so many of the counted ones have left, at the soonest."""
        for number, permits in self.buckets:
            excess -= permits
            if excess <= 0:
                return self._leaves(number) - now
        return self.window.seconds  # of those that are under way: none is settled before now

    def set_back(self, seconds: float) -> None:
        """Move everything to earlier, by whole buckets, rather too little than too much."""
        buckets = math.floor(seconds * BUCKETS / self.window.seconds)
        for bucket in self.buckets:
            bucket[0] -= buckets

    def _leaves(self, number: int) -> float:
        return (number + 1) * (self.window.seconds / BUCKETS) + self.window.seconds


@dataclass(slots=True)
class _Lease:
    """The permits of one owner that are under way, and when it counts as dead unless it is heard of before."""

    ends: float
    permits: int


class Windows:
    """All windows of one account. Times are seconds since 1970; one that is before the last counts as the last."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._rings = [_Ring(window) for window in windows]
        self._leases: dict[str, _Lease] = {}
        self._now = 0.0
        self._held_until = 0.0

    def take(self, now: float, wanted: int, owner: str = "") -> Grant:
        """Take up to `wanted` permits. `owner` is the process they die with; taking none still says that it lives."""
        now = self._hear(now, owner)
        if now < self._held_until:
            return Grant(0, self._held_until - now, "Pango asked")
        taken = self._under_way()
        permits = min(wanted, *(ring.window.limit - ring.used - taken for ring in self._rings))
        if permits > 0:
            self._leases.setdefault(owner, _Lease(now + LEASE_SECONDS, 0)).permits += permits
            return Grant(permits)
        if wanted == 0:
            return Grant(0)
        waits = [
            (ring.wait(now, ring.used + taken - ring.window.limit + 1), ring.window.text)
            for ring in self._rings
            if ring.used + taken >= ring.window.limit
        ]
        return Grant(0, *max(waits))

    def settle(self, now: float, permits: int, owner: str = "") -> None:
        """Count permits as used now.

        Whose lease has ended has been counted already. It counts once more: it may have been used since.
        """
        now = self._hear(now, owner)
        if lease := self._leases.get(owner):
            lease.permits -= permits
            if lease.permits <= 0:
                del self._leases[owner]
        self._count(now, permits)

    def hold(self, now: float, seconds: float) -> None:
        """Give no permits for so long."""
        self._held_until = max(self._held_until, self._advance(now) + seconds)

    def uses(self, now: float) -> list[Use]:
        """Tell how much of each window is used."""
        self._advance(now)
        return [Use(ring.window, ring.used + self._under_way()) for ring in self._rings]

    def dump(self) -> bytes:
        """Write everything down, in a few kilobytes."""
        return orjson.dumps(
            {
                "now": self._now,
                "held": self._held_until,
                "leases": {owner: [lease.ends, lease.permits] for owner, lease in self._leases.items()},
                "windows": [[ring.window.seconds, list(ring.buckets)] for ring in self._rings],
            }
        )

    @classmethod
    def load(cls, windows: Sequence[Window], state: bytes) -> Self:
        """Read what `dump` wrote. A limit may have changed since; a window of another length starts empty."""
        written = orjson.loads(state)
        made = cls(windows)
        made._now, made._held_until = written["now"], written["held"]
        made._leases = {owner: _Lease(*lease) for owner, lease in written["leases"].items()}
        known = dict(written["windows"])
        for ring in made._rings:
            ring.buckets = deque(known.get(ring.window.seconds, ()))
            ring.used = sum(permits for _, permits in ring.buckets)
        return made

    def _under_way(self) -> int:
        return sum(lease.permits for lease in self._leases.values())

    def _count(self, when: float, permits: int) -> None:
        if permits:
            for ring in self._rings:
                ring.add(when, permits)

    def _hear(self, now: float, owner: str) -> float:
        """Move to this time, at which an owner is alive."""
        now = self._advance(now)
        if lease := self._leases.get(owner):
            lease.ends = now + LEASE_SECONDS
        return now

    def _advance(self, now: float) -> float:
        """Move to this time, or stay when it is past; count the permits whose lease has ended."""
        if now < self._now - SET_BACK_SECONDS:
            self._set_back(self._now - now)
        self._now = max(self._now, now)
        for owner in [owner for owner, lease in self._leases.items() if lease.ends <= self._now]:
            lease = self._leases.pop(owner)
            self._count(lease.ends, lease.permits)
        for ring in self._rings:
            ring.forget(self._now)
        return self._now

    def _set_back(self, seconds: float) -> None:
        """Go on from a clock that was set back, as if no time had passed."""
        self._now -= seconds
        self._held_until -= seconds
        for lease in self._leases.values():
            lease.ends -= seconds
        for ring in self._rings:
            ring.set_back(seconds)
