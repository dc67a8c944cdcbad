"""The pretend PangoCDP: joins the parts, and gives each address what answers it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from provider.simulator.accounts import Accounts, Credentials, unauthorized
from provider.simulator.callbacks import Callbacks
from provider.simulator.faults import Faults, Rates
from provider.simulator.ingest import Ingestion
from provider.simulator.journal import Journal, Line
from provider.simulator.page import render
from provider.simulator.state import State
from provider.simulator.storing import store_forever
from provider.simulator.web import Answer, Request, answer

_ADDRESSES = Map(
    [
        Rule("/", endpoint="page", methods=["GET"]),
        Rule("/_simulator/limits", endpoint="limits", methods=["GET"]),
        Rule("/_simulator/records/<object_type>", endpoint="count", methods=["GET"]),
        Rule("/_simulator/records/<object_type>/<path:key>", endpoint="record", methods=["GET"]),
        Rule("/_simulator/digest/<object_type>", endpoint="digest", methods=["GET"]),
        Rule("/api/accounts/authen", endpoint="authenticate", methods=["POST"]),
        Rule("/api/v1.0/auth-app/<organisation>/authen", endpoint="authenticate_app", methods=["POST"]),
        Rule("/dhub-i/api/v1.0/ingest", endpoint="ingest", methods=["POST"]),
        Rule("/dhub-i/api/v2.0/ingest", endpoint="ingest_app", methods=["POST"]),
    ],
    merge_slashes=False,
    strict_slashes=False,
)

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
    """Answers requests; ConfigurationError when its state cannot be kept."""

    def __init__(self, behaviour: Behaviour, credentials: Credentials) -> None:
        speed_up = behaviour.speed_up
        self._state = State(behaviour.state)
        self.credentials = credentials.complete(self._state)
        self._journal = Journal()
        self._faults = Faults(behaviour.rates, self._journal, seed=behaviour.seed)
        self._accounts = Accounts(
            self.credentials, self._state, speed_up=speed_up, ends_early=behaviour.token_ends_early
        )
        self._ingestion = Ingestion(self._state, self._faults, speed_up=speed_up, delay=behaviour.delay)
        self._stop = Event()
        report = bool(behaviour.callback_url)
        store = partial(store_forever, self._state, self._faults, self._stop, report=report)
        self._threads = [Thread(target=store, daemon=True)]
        if report:
            key, url = self.credentials.callback_key, behaviour.callback_url
            callbacks = Callbacks(self._state, self._journal, url=url, key=key, speed_up=speed_up)
            self._threads.append(Thread(target=callbacks.deliver_forever, args=(self._stop,), daemon=True))
        self._answers: dict[str, Callable[..., Answer]] = {
            "page": self._show_page,
            "limits": self._show_limits,
            "count": self._show_count,
            "record": self._show_record,
            "digest": self._show_digest,
            "authenticate": self._authenticate,
            "authenticate_app": self._authenticate_app,
            "ingest": self._ingest,
            "ingest_app": self._ingest_app,
        }

    def start(self) -> None:
        """Start to store, and to call back."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the work in hand and close the state; what is left is done after the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._state.close()

    def respond(self, request: Request) -> Answer:
        """Answer a request; Dropped when a fault wants the connection closed."""
        method = "GET" if request.method == "HEAD" else request.method
        try:
            endpoint, variables = _ADDRESSES.bind("").match(request.path, method)
        except MethodNotAllowed as error:
            return _refuse(405, "This address has other methods", ("Allow", ", ".join(error.valid_methods or ())))
        except HTTPException:
            return _refuse(404, "There is nothing at this address")
        respond = self._answers[endpoint]
        if request.method in ("GET", "HEAD"):
            return respond(request, **variables)
        return self._note(endpoint, request, lambda: respond(request, **variables))

    def _note(self, name: str, request: Request, respond: Callable[[], Answer]) -> Answer:
        """Answer as slowly as is asked for, and note how it went; what was sent may be personal and is not noted."""
        self._faults.wait()
        began, outcome = time.perf_counter(), "dropped"
        try:
            given = respond()
            outcome = f"HTTP {given.status}"
            if given.status >= HTTPStatus.BAD_REQUEST:
                outcome += f" {given.body.decode(errors='replace')}"
            return given
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            what = f"{name}, {len(request.body)} bytes, {milliseconds:.1f} ms"
            self._journal.requests.append(Line(what, outcome))

    def _authenticate(self, request: Request) -> Answer:
        return self._faults.disturb(lambda: self._accounts.authenticate(request))

    def _authenticate_app(self, request: Request, organisation: str) -> Answer:
        return self._faults.disturb(lambda: self._accounts.authenticate_app(request, organisation))

    def _ingest(self, request: Request) -> Answer:
        admitted = self._accounts.admits(request)
        return self._ingestion.ingest(request) if admitted else unauthorized("Invalid TOKEN or API_KEY")

    def _ingest_app(self, request: Request) -> Answer:
        admitted = self._accounts.admits_app(request)
        return self._ingestion.ingest(request) if admitted else unauthorized("Invalid OrgId or AccessToken")

    def _show_page(self, _: Request) -> Answer:
        queued, callbacks = self._state.waiting()
        return render(
            totals=self._state.totals(),
            windows=self._ingestion.use(),
            queued=queued,
            callbacks=callbacks,
            journal=self._journal,
        )

    def _show_limits(self, _: Request) -> Answer:
        windows = [
            {
                "seconds": window.seconds,
                "limit": window.limit,
                "highest": window.highest,
                "refused": window.refused,
            }
            for window, _ in self._ingestion.use()
        ]
        return answer({"windows": windows})

    def _show_count(self, _: Request, object_type: str) -> Answer:
        total = self._state.total(object_type)
        return answer({"count": total.entries, "refIds": total.records})

    def _show_record(self, _: Request, object_type: str, key: str) -> Answer:
        body = self._state.record(object_type, key)
        return _refuse(404, "There is no such record") if body is None else Answer(200, body)

    def _show_digest(self, _: Request, object_type: str) -> Answer:
        return answer({"digest": self._state.digest(object_type)})


def _refuse(status: int, message: str, *headers: tuple[str, str]) -> Answer:
    content = {"success": False, "errorCode": HTTPStatus(status).name, "message": message}
    return answer(content, status=status, headers=headers)
