"""The pretend PangoCDP: joins the parts, and works behind what is answered."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread

from provider.proof.simulator.accounts import Accounts, Credentials
from provider.proof.simulator.callback_sender import Callbacks
from provider.proof.simulator.faults import Faults, Rates
from provider.proof.simulator.ingest import Ingestion
from provider.proof.simulator.journal import Journal
from provider.proof.simulator.record_queue import store_forever
from provider.proof.simulator.simulator_state import State

_PATIENCE_SECONDS = 2.0
"""How long a callback under way may hold up the end; it is sent again after the next start."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How it behaves. Times are in seconds and divided by `speed_up`, but for the latency among the rates."""

    state: Path = Path("simulator.db")
    speed_up: float = 1.0
    delay: float = 1.0
    token_ends_early: float | None = None
    callback_url: str = ""
    rates: Rates = field(default_factory=Rates)
    seed: int | None = None


class Pango:
    """The parts, and the threads that store and call back; ConfigurationError when its state cannot be kept."""

    def __init__(self, behaviour: Behaviour, credentials: Credentials) -> None:
        speed_up = behaviour.speed_up
        self.state = State(behaviour.state)
        self.credentials = credentials.complete(self.state)
        self.journal = Journal()
        self.faults = Faults(behaviour.rates, self.journal, seed=behaviour.seed)
        self.accounts = Accounts(self.credentials, self.state, speed_up=speed_up, ends_early=behaviour.token_ends_early)
        self.ingestion = Ingestion(self.state, self.faults, speed_up=speed_up, delay=behaviour.delay)
        self._stop = Event()
        report = bool(behaviour.callback_url)
        store = partial(store_forever, self.state, self.faults, self._stop, report=report)
        self._threads = [Thread(target=store, daemon=True)]
        if report:
            key, url = self.credentials.callback_key, behaviour.callback_url
            callbacks = Callbacks(self.state, self.journal, url=url, key=key, speed_up=speed_up)
            self._threads.append(Thread(target=callbacks.deliver_forever, args=(self._stop,), daemon=True))

    def start(self) -> None:
        """Start to store, and to call back."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the work in hand and close the state; what is left is done after the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self.state.close()
