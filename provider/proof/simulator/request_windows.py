"""Pango's rate limits, counted exactly: sliding windows over the arrival times of requests."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LIMITS = ((1, 50), (60, 1_000), (300, 5_000), (3_600, 50_000), (86_400, 400_000))
"""Seconds and requests of each window (PangoCDP, "Data Ingestion", note on rate limits)."""

_SECOND = 1_000_000_000


@dataclass
class RequestWindow:
    """One window: its documented length and limit, its highest use, and how many requests it refused."""

    seconds: int
    limit: int
    length: int
    """Its length in nanoseconds, after the speed-up."""

    highest: int = 0
    refused: int = 0
    oldest: int = 0
    """Index of the oldest arrival that still counts."""


class RequestWindows:
    """Counts arrivals. Times are whole nanoseconds since 1970, so that comparisons are exact.

    A request at the time t counts in a window before t + its length. A refused request does not count. `arrivals` and
    `counts` (seconds -> highest, refused) are from an earlier run.
    """

    def __init__(
        self,
        *,
        speed_up: float = 1.0,
        arrivals: Iterable[int] = (),
        counts: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self._arrivals = array("q", arrivals)
        self.windows = [
            RequestWindow(
                seconds, limit, max(1, round(seconds * _SECOND / speed_up)), *(counts or {}).get(seconds, (0, 0))
            )
            for seconds, limit in LIMITS
        ]

    def arrive(self, now: int) -> int:
        """Count a request and return 0, or refuse it and return the nanoseconds until there is room."""
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
        """Return the number of requests in each window now."""
        self._forget(now)
        return [self._used(window) for window in self.windows]

    def _used(self, window: RequestWindow) -> int:
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
