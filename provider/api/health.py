"""The addresses for operations: /healthz (the process is alive) and /readyz (its databases answer)."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime

from flask import Blueprint, Response
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from provider.api.responses import json_response

READY_SECONDS = 2.0
"""How long the databases, asked side by side, may take to answer before they count as down."""


def health(engines: Mapping[str, Engine]) -> Blueprint:
    """Make /healthz and /readyz; `engines` are the databases by the names they are shown under."""
    blueprint = Blueprint("health", __name__)
    databases = [_Database(name, engine) for name, engine in engines.items()]

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return json_response({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        checks = {database.name: database.check() for database in databases}
        deadline = time.monotonic() + READY_SECONDS
        states = {name: _state(check, deadline) for name, check in checks.items()}
        ready = all(state == "ok" for state in states.values())
        status = {"status": "ok" if ready else "unavailable", "databases": states}
        return json_response(status, status=200 if ready else 503)

    return blueprint


class _Database:
    """Checks one database. While a check hangs, no second one is started: the next call waits for the first."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self._engine = engine
        # For SELECT 1 SQLite does not even open the file.
        self._statement = "SELECT count(*) FROM sqlite_master" if engine.dialect.name == "sqlite" else "SELECT 1"
        self._pool = ThreadPoolExecutor(1, f"ready-{name}")
        self._running: Future[str] | None = None

    def check(self) -> Future[str]:
        """Start a check, or return the last one when it still runs."""
        if self._running is None or self._running.done():
            self._running = self._pool.submit(self._query)
        return self._running

    def _query(self) -> str:
        try:
            with self._engine.connect() as connection:
                connection.execute(text(self._statement))
        except SQLAlchemyError:
            return "down"
        return "ok"


def _state(check: Future[str], deadline: float) -> str:
    """Wait for a check until the deadline, in seconds of time.monotonic(); return ok, down or timeout."""
    try:
        return check.result(max(0.0, deadline - time.monotonic()))
    except OutOfTime:
        return "timeout"
