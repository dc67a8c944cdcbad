"""Counts failed logins, and delays and then refuses further ones from the same address or for the same id.

Only failed logins are counted and refused: the right credentials always work, even from an address that is refused.
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

DELAYED_AFTER = 5
"""Failed logins a minute that are answered without a delay: a typing error, a key that has just been rotated."""

REFUSED_AFTER = 20
"""Failed logins a minute after which further ones are refused."""

DELAY_SECONDS = 0.25
"""Seconds by which such an answer is delayed."""

_LONGEST_ID = 64
"""Characters of an id that are counted: a caller may send one of any length."""

_LIMIT = RateLimitItemPerMinute(REFUSED_AFTER)

log = structlog.get_logger()


class FailedLogins:
    """Counts failed logins, in Redis for all workers where one is configured, else in this process."""

    def __init__(self, redis_url: str = "") -> None:
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._shared = self._local
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
        self._delayed = BoundedSemaphore(1)

    def refuse(self, error: ProviderError, address: str | None, *, client: str = "", key: str = "") -> ProviderError:
        """Count a failed login and return the error to raise: the one given, perhaps late, or TooManyRequests.

        It counts for the caller's address, and for the id of the client or the key that was sent.
        """
        # The prefix keeps them apart: nobody can use up an address's failures by sending the address as an id.
        counted = [f"address {network_of(address)}"]
        counted += [f"{kind} {sent[:_LONGEST_ID]}" for kind, sent in (("client", client), ("key", key)) if sent]
        failures, reset = max(self._count(name) for name in counted)
        if failures > REFUSED_AFTER:
            return _refusal(reset)
        if failures > DELAYED_AFTER:
            # A worker has few threads: one of them may wait at a time, and further failures are refused meanwhile.
            if not self._delayed.acquire(blocking=False):
                return _refusal(reset)
            try:
                time.sleep(DELAY_SECONDS)
            finally:
                self._delayed.release()
        return error

    def _count(self, name: str) -> tuple[int, float]:
        try:
            return _hit(self._shared, name)
        except Exception as error:  # noqa: BLE001 -- Redis being down must not stop anybody from calling
            log.warning("failures counted in this process only", error=type(error).__name__)
            return _hit(self._local, name)


def network_of(address: str | None) -> str:
    """Return the network of one subscriber as text: an IPv4 address itself, or the /64 of an IPv6 address."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


def _hit(limiter: MovingWindowRateLimiter, name: str) -> tuple[int, float]:
    """Count one failure; return how many there were in the last minute, and when the oldest one stops to count."""
    allowed = limiter.hit(_LIMIT, "failures", name)
    window = limiter.get_window_stats(_LIMIT, "failures", name)
    return (REFUSED_AFTER - window.remaining if allowed else REFUSED_AFTER + 1), window.reset_time


def _refusal(reset: float) -> TooManyRequests:
    seconds = str(max(1, int(reset - time.time()) + 1))
    # The second name is the one Pango's own API uses (PangoCDP, "Data Ingestion", rate limits).
    return TooManyRequests(
        f"Too many failed attempts. Try again in {seconds} seconds.",
        headers=(("Retry-After", seconds), ("X-Rate-Limit-Retry-After-Seconds", seconds)),
    )
