"""The rate limits of one account, shared by every thread, process and machine that uses a provider database."""

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from provider.ingestion.windows import Grant, Use, Window


class Limiter:
    """Gives permits for requests."""

    def __init__(
        self, engine: Engine, name: str, windows: Sequence[Window], *, clock: Callable[[], float] = time.time
    ) -> None:
        """Take `name` from `account_name(settings)` and `windows` from `read_windows(settings.pango_rate_limits)`."""

    def take(self, wanted: int = 1) -> Grant:
        """Take up to `wanted` permits; each is for one request, made at once, and must be settled."""
        return self.settle_and_take(0, wanted)

    def settle(self, permits: int) -> None:
        """Give permits back: their requests were answered, or given up. They count as made now."""
        self.settle_and_take(permits, 0)

    def settle_and_take(self, settled: int, wanted: int) -> Grant:
        """Do both in one transaction."""
        raise NotImplementedError

    def hold(self, seconds: float) -> None:
        """Let nobody send for so long: Pango asked for it."""
        raise NotImplementedError

    def uses(self) -> list[Use]:
        """Tell how much of each window is used."""
        raise NotImplementedError
