"""The simulated PangoCDP: joins its parts, and runs the threads that store records and send callbacks."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread

from provider.proof.simulator.accounts import Accounts, PangoCredentials
from provider.proof.simulator.callback_sender import CallbackSender
from provider.proof.simulator.faults import Faults, Rates
from provider.proof.simulator.ingest import Ingestion
from provider.proof.simulator.journal import Journal
from provider.proof.simulator.record_queue import store_forever
from provider.proof.simulator.simulator_state import SimulatorState

_STOP_SECONDS = 2.0
"""How long `stop` waits for a callback under way; it is sent again after the next start."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Options of the simulator. Times are in seconds and divided by `speed_up`, but not the latency."""

    state: Path = Path("simulator.db")
    speed_up: float = 1.0
    delay: float = 1.0
    token_ttl: float | None = None
    callback_url: str = ""
    rates: Rates = field(default_factory=Rates)
    seed: int | None = None


class Pango:
    """A running simulator; ConfigurationError when its state cannot be stored."""

    def __init__(self, behaviour: Behaviour, credentials: PangoCredentials) -> None:
        speed_up = behaviour.speed_up
        self.state = SimulatorState(behaviour.state)
        self.credentials = credentials.complete(self.state)
        self.journal = Journal()
        self.faults = Faults(behaviour.rates, self.journal, seed=behaviour.seed)
        self.accounts = Accounts(self.credentials, self.state, speed_up=speed_up, token_ttl=behaviour.token_ttl)
        self.ingestion = Ingestion(self.state, self.faults, speed_up=speed_up, delay=behaviour.delay)
        self._stop = Event()
        report = bool(behaviour.callback_url)
        store = partial(store_forever, self.state, self.faults, self._stop, report=report)
        self._threads = [Thread(target=store, daemon=True)]
        if report:
            key, url = self.credentials.callback_key, behaviour.callback_url
            callbacks = CallbackSender(self.state, self.journal, url=url, key=key, speed_up=speed_up)
            self._threads.append(Thread(target=callbacks.send_forever, args=(self._stop,), daemon=True))

    def start(self) -> None:
        """Start the threads that store records and send callbacks."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads and close the state; the next start goes on with what is left."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        self.state.close()
