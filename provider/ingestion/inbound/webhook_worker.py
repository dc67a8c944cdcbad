"""The background thread of a process: runs the handlers of webhooks that are due, one after the other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Lock, Thread

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from provider.ingestion.inbound.webhook_handlers import Handler
from provider.ingestion.inbound.webhooks import LEASE_SECONDS, ClaimedWebhook, Inbox

_POLL_SECONDS = 1.0
"""How often the inbox is read: another process may have stored a webhook, or one is due again."""

_EXTEND_SECONDS = LEASE_SECONDS / 4
"""How often the lease of a webhook is extended while its handler runs."""

log = structlog.get_logger()


class Worker:
    """Runs the handlers of webhooks. Without handlers it starts no thread."""

    def __init__(self, inbox: Inbox, handlers: Mapping[str, Handler]) -> None:
        self._inbox = inbox
        self._handlers = handlers
        self._thread: Thread | None = None
        self._lock = Lock()
        self._woken = Event()
        self._stopped = False

    def start(self) -> None:
        """Start the thread of this process, unless it runs already. It ends with the process."""
        if not self._handlers:
            return
        with self._lock:
            # A forked process has the object, but not its thread.
            if self._thread is None or not self._thread.is_alive():
                self._stopped = False
                self._thread = Thread(target=self._work, name="webhooks", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Look for webhooks now, as one has been stored."""
        self.start()
        self._woken.set()

    def stop(self) -> None:
        """Stop the thread after the handler that is running, and wait for it."""
        self._stopped = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def handle_next(self) -> bool:
        """Run the handler of one webhook that is due; return False when none is due."""
        claimed = self._inbox.claim(self._handlers.keys())
        if claimed is None:
            return False
        about = {"webhook": claimed.name, "id": claimed.id, "attempt": claimed.attempts}
        try:
            with self._holding_lease(claimed):
                self._handlers[claimed.name](orjson.loads(claimed.payload))
        except BaseException as error:  # noqa: BLE001 -- also sys.exit() in a handler must not end the thread
            # The error's text may quote the payload: it is neither stored nor logged.
            again = self._inbox.put_back(claimed, type(error).__name__)
            log.warning("webhook not handled", error=type(error).__name__, again=again, **about)
        else:
            self._inbox.finish(claimed)
            log.info("webhook handled", **about)
        return True

    def _work(self) -> None:
        while not self._stopped:
            try:
                while not self._stopped and self.handle_next():
                    pass
            except SQLAlchemyError as error:
                log.warning("the inbox does not answer", error=type(error).__name__)
            self._woken.wait(_POLL_SECONDS)
            self._woken.clear()

    @contextmanager
    def _holding_lease(self, claimed: ClaimedWebhook) -> Iterator[None]:
        """Extend the lease from another thread until the handler ends."""
        ended = Event()
        extender = Thread(target=self._extend_lease, args=(claimed, ended), name="webhook-lease", daemon=True)
        extender.start()
        try:
            yield
        finally:
            ended.set()
            extender.join()

    def _extend_lease(self, claimed: ClaimedWebhook, ended: Event) -> None:
        while not ended.wait(_EXTEND_SECONDS):
            try:
                if not self._inbox.extend_lease(claimed):
                    return
            except SQLAlchemyError as error:
                log.warning("the inbox does not answer", error=type(error).__name__)
