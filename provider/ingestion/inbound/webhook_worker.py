"""The background thread of a process: runs the handlers of webhooks that are due, one after the other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Lock, Thread

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from provider.ingestion.inbound.webhook_handlers import Handler
from provider.ingestion.inbound.webhooks import LEASE, Inbox, Taken

_LOOK_EVERY = 1.0
"""Seconds between two looks into the inbox: a webhook may have come in through another process, or be due again."""

log = structlog.get_logger()


class Worker:
    """Runs handlers. Without any it does nothing at all."""

    def __init__(self, inbox: Inbox, handlers: Mapping[str, Handler]) -> None:
        self._inbox = inbox
        self._handlers = handlers
        self._thread: Thread | None = None
        self._lock = Lock()
        self._woken = Event()
        self._stopped = False

    def start(self) -> None:
        """Begin in this process; again is harmless. The thread ends with the process."""
        if not self._handlers:
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # a fork has the object, but not its thread
                self._stopped = False
                self._thread = Thread(target=self._work, name="webhooks", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Say that a webhook has come in."""
        self.start()
        self._woken.set()

    def stop(self) -> None:
        """End after the handler that is running."""
        self._stopped = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def handle_next(self) -> bool:
        """Run the handler of one webhook that is due; False when none is."""
        taken = self._inbox.take(self._handlers.keys())
        if taken is None:
            return False
        about = {"webhook": taken.name, "id": taken.id, "attempt": taken.attempts}
        try:
            with self._holding(taken):
                self._handlers[taken.name](orjson.loads(taken.payload))
        except BaseException as error:  # noqa: BLE001 -- also sys.exit() in a handler must not end the thread
            # Its text stays out: it may quote the payload.
            again = self._inbox.put_back(taken, type(error).__name__)
            log.warning("webhook not handled", error=type(error).__name__, again=again, **about)
        else:
            self._inbox.finish(taken)
            log.info("webhook handled", **about)
        return True

    def _work(self) -> None:
        while not self._stopped:
            try:
                while not self._stopped and self.handle_next():
                    pass
            except SQLAlchemyError as error:
                log.warning("the inbox does not answer", error=type(error).__name__)
            self._woken.wait(_LOOK_EVERY)
            self._woken.clear()

    @contextmanager
    def _holding(self, taken: Taken) -> Iterator[None]:
        """Prolong the lease for as long as the handler takes, from a thread of its own."""
        ended = Event()
        keeper = Thread(target=self._prolong, args=(taken, ended), name="webhook-lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()

    def _prolong(self, taken: Taken, ended: Event) -> None:
        while not ended.wait(LEASE / 4):
            try:
                if not self._inbox.prolong(taken):
                    return
            except SQLAlchemyError as error:
                log.warning("the inbox does not answer", error=type(error).__name__)
