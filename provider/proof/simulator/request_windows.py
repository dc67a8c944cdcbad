"""Pango's rate limits, counted exactly: sliding windows over the moments at which requests arrived."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LIMITS = ((1, 50), (60, 1_000), (300, 5_000), (3_600, 50_000), (86_400, 400_000))
"""Seconds and requests of each window (PangoCDP, "Data Ingestion", note on rate limits)."""

_SECOND = 1_000_000_000


@dataclass
class Window:
    """One window: its documented length and limit, the highest use ever seen, and how many requests it refused."""

    seconds: int
    limit: int
    length: int
    """Nanoseconds it really has, the speed-up included."""

    highest: int = 0
    refused: int = 0
    oldest: int = 0
    """Index of the oldest arrival that still counts."""


class Windows:
    """Counts arrivals. All times are whole nanoseconds since 1970, so that an edge is an edge.

    A request at the moment t counts in a window until t + its length, that moment excluded. A refused request does
    not count. `arrivals` and `seen` (seconds -> highest, refused) are what an earlier run left.
    """

    def __init__(
        self,
        *,
        speed_up: float = 1.0,
        arrivals: Iterable[int] = (),
        seen: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self._arrivals = array("q", arrivals)
        self.windows = [
            Window(seconds, limit, max(1, round(seconds * _SECOND / speed_up)), *(seen or {}).get(seconds, (0, 0)))
            for seconds, limit in LIMITS
        ]

    def arrive(self, now: int) -> int:
        """Count a request and give 0, or refuse it and give the nanoseconds after which there is room again."""
        self._forget(now)
        full = [window for window in self.windows if self._used(window) >= window.limit]
        if full:
            for window in full:
                window.refused += 1
            return max(self._arrivals[-window.limit] + window.length - now for window in full)
        self._arrivals.append(now)
        for window in self.windows:
            window.highest = max(window.highest, self._used(window))
        return 0

    def used(self, now: int) -> list[int]:
        """Count the requests that are in each window at this moment."""
        self._forget(now)
        return [self._used(window) for window in self.windows]

    def _used(self, window: Window) -> int:
        return len(self._arrivals) - window.oldest

    def _forget(self, now: int) -> None:
        for window in self.windows:
            while window.oldest < len(self._arrivals) and self._arrivals[window.oldest] <= now - window.length:
                window.oldest += 1
        longest = self.windows[-1]
        if (gone := longest.oldest) > longest.limit:
            del self._arrivals[:gone]
            for window in self.windows:
                window.oldest -= gone
