"""Failed logins that are answered late: how many of a worker's threads may wait."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace

from support import PATIENCE_SECONDS

from provider.auth import failed_logins
from provider.auth.failed_logins import DELAYED_AFTER, FailedLogins
from provider.errors import TooManyRequests, Unauthorized

ADDRESS = "203.0.113.7"


def test_one_answer_waits_at_a_time(monkeypatch):
    """While one failed login waits for its answer, further ones are refused at once; then the next may wait."""
    waiting, free = Event(), Event()

    def sleep(_):
        waiting.set()
        free.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(failed_logins, "time", SimpleNamespace(sleep=sleep, time=time.time))
    logins, error = FailedLogins(), Unauthorized()
    for _ in range(DELAYED_AFTER):
        assert logins.refuse(error, ADDRESS) is error
    with ThreadPoolExecutor(1) as pool:
        delayed = pool.submit(logins.refuse, error, ADDRESS)
        try:
            assert waiting.wait(PATIENCE_SECONDS)
            assert isinstance(logins.refuse(error, ADDRESS), TooManyRequests)
        finally:
            free.set()
        assert delayed.result() is error
    assert logins.refuse(error, ADDRESS) is error
