"""Slowing down guessers: repeated failures from one address, or for one id, are delayed and then refused for a while.

Only failures are counted and only failures are refused: whoever brings the right credentials always gets in, even from
an address that a guesser shares.
"""

import time
from ipaddress import IPv6Address, ip_network
from threading import BoundedSemaphore

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from provider.auth.addresses import parse_address
from provider.errors import ConfigurationError, ProviderError, TooManyRequests

FREE = 5
"""Failures a minute that are answered at once: a typing error, a key that has just been rotated."""

MOST = 20
"""Failures a minute after which further ones are refused."""

DELAY = 0.25
"""Seconds an answer waits between the two."""

_LONGEST_ID = 64
"""Characters that are kept of what a guesser sends for an id."""

_LIMIT = RateLimitItemPerMinute(MOST)

log = structlog.get_logger()


class Guesses:
    """Counts failures, in Redis for all workers where one is configured, else in this process."""

    def __init__(self, redis_url: str = "") -> None:
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._shared = self._here
        if redis_url:
            try:
                storage = storage_from_string(
                    redis_url, wrap_exceptions=True, socket_timeout=1, socket_connect_timeout=1
                )
            except Exception as error:  # noqa: BLE001 -- each driver refuses in a way of its own
                raise ConfigurationError(
                    f"PROVIDER_REDIS_URL cannot be used ({type(error).__name__}). "
                    "Write it like redis://127.0.0.1:6379/0, and install the extra: "
                    "pip install 'access-data-provider[redis]'"
                ) from None
            self._shared = MovingWindowRateLimiter(storage)
        self._one_at_a_time = BoundedSemaphore(1)

    def answer(self, error: ProviderError, address: str | None, *, client: str = "", key: str = "") -> ProviderError:
        """Count a failure and give what to answer: the error itself, late, or TooManyRequests.

        It counts against the caller's address, and against the client or the key whose id was used.
        """
        # Under names that keep them apart: nobody is to use up another's address by sending it for an id.
        suspects = [f"address {network_of(address)}"]
        suspects += [f"{kind} {sent[:_LONGEST_ID]}" for kind, sent in (("client", client), ("key", key)) if sent]
        used, reset = max(self._count(suspect) for suspect in suspects)
        if used > MOST:
            return _refusal(reset)
        if used > FREE:
            # A worker has few threads: guessers may hold one of them, and are refused when it is taken.
            if not self._one_at_a_time.acquire(blocking=False):
                return _refusal(reset)
            try:
                time.sleep(DELAY)
            finally:
                self._one_at_a_time.release()
        return error

    def _count(self, suspect: str) -> tuple[int, float]:
        try:
            return _hit(self._shared, suspect)
        except Exception as error:  # noqa: BLE001 -- Redis being down must not stop anybody from calling
            log.warning("failures counted in this process only", error=type(error).__name__)
            return _hit(self._here, suspect)


def network_of(address: str | None) -> str:
    """Name who may be behind an address: an IPv6 subscriber has a whole /64 of them."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


def _hit(limiter: MovingWindowRateLimiter, suspect: str) -> tuple[int, float]:
    """Count one failure; give how many there were in the last minute and when the oldest is forgotten."""
    allowed = limiter.hit(_LIMIT, "failures", suspect)
    window = limiter.get_window_stats(_LIMIT, "failures", suspect)
    return (MOST - window.remaining if allowed else MOST + 1), window.reset_time


def _refusal(reset: float) -> TooManyRequests:
    seconds = str(max(1, int(reset - time.time()) + 1))
    # The second name is the one Pango's own API uses (PangoCDP, "Data Ingestion", rate limits).
    return TooManyRequests(
        f"Too many failed attempts. Try again in {seconds} seconds.",
        headers=(("Retry-After", seconds), ("X-Rate-Limit-Retry-After-Seconds", seconds)),
    )
