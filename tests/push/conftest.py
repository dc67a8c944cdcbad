"""A pretend Pango, a folder that pushes to it, and its outbox."""

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

import httpx2
import orjson
import pytest
from click.testing import CliRunner, Result
from support import PROVIDER, environment, eventually, fill, free_port

from provider.cli.main import provider
from provider.cli.simulate.commands import provider_settings
from provider.ingestion.push.outbox import Outbox
from provider.proof.simulator.accounts import PangoCredentials
from provider.proof.simulator.faults import Rates
from provider.proof.simulator.http_server import open_server
from provider.proof.simulator.pango import Behaviour
from provider.proof.simulator.pango import Pango as Simulator
from provider.proof.simulator.simulator_app import create_simulator
from provider.settings import Settings
from provider.store.provider_database import open_database


class Asked:
    """A simulator that answers questions about its state."""

    url: str
    settings: dict[str, str]

    def ask(self, path: str) -> dict[str, Any]:
        """Ask it what it knows."""
        return httpx2.get(f"{self.url}/_simulator/{path}", verify=False).json()  # reading certificates takes long

    def stored(self, object_type: str) -> int:
        """Count the different records it has stored, once nothing is under way."""
        counts: list[int] = []

        def settled() -> bool:
            counts.append(self.ask(f"records/{object_type}")["count"])
            return len(counts) > 10 and len(set(counts[-10:])) == 1

        eventually(settled)
        return counts[-1]


class Pango(Asked):
    """The simulator in threads of this process."""

    def __init__(self, folder: Path, **rates: float) -> None:
        behaviour = Behaviour(
            state=folder / "simulator.db",
            speed_up=1000,
            delay=0,
            callback_url="",
            seed=1,
            token_ttl=None,
            rates=Rates(**rates),
        )
        self._pango = Simulator(behaviour, PangoCredentials())
        self._server = open_server(create_simulator(self._pango), "127.0.0.1", 0)
        self._pango.start()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.port}"
        lines = provider_settings(self.url, "v1", self._pango.credentials, behaviour)
        self.settings = dict(line.split("=", 1) for line in lines)

    def kill(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._thread.join()
        self._pango.stop()


class PangoProcess(Asked):
    """The simulator as a process that can be killed and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        output = self._folder / "settings.env"
        with output.open("wb") as settings, (self._folder / "simulator.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROVIDER, "simulate", "--port", str(self.port), "--delay", "0", "--speed-up", "1000", *self._options],
                cwd=self._folder,
                env=environment(),
                stdout=settings,
                stderr=log,
            )
        eventually(self._answers)
        self.settings = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return self

    def kill(self) -> None:
        """Kill it without warning."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/_simulator/limits", verify=False).status_code == 200
        return False


@pytest.fixture
def start_pango(tmp_path: Path) -> Iterator[Callable[..., Asked]]:
    """Start a pretend Pango: with options as a process, else in a thread, with these rates of faults."""
    running: list[Pango | PangoProcess] = []

    def start(*options: str, **rates: float) -> Asked:
        (folder := tmp_path / f"pango{len(running)}").mkdir()
        running.append(PangoProcess(folder, *options).start() if options else Pango(folder, **rates))
        return running[-1]

    yield start
    for pango in running:
        pango.kill()


class Sender:
    """A working folder whose settings point at a Pango."""

    def __init__(self, folder: Path, pango: Asked) -> None:
        self.folder = folder
        self.pango = pango
        self.variables = pango.settings
        self._started: list[subprocess.Popen[str]] = []
        self.database = f"sqlite:///{folder}/provider.db"

    def push(self, *arguments: str, fails: bool = False, **variables: str) -> Result:
        """Run `provider push`; it must succeed, or fail."""
        done = CliRunner().invoke(provider, ["push", *arguments], env=self.variables | variables)
        assert (done.exit_code != 0) == fails, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    def summary(self, *arguments: str, **variables: str) -> dict[str, Any]:
        """Run `provider push` to its end; give the object it ends with."""
        return orjson.loads(self.push(*arguments, "--json", **variables).stdout.splitlines()[-1])

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start `provider push` and do not wait for it."""
        process = subprocess.Popen(
            [PROVIDER, "push", *arguments],
            cwd=self.folder,
            env=environment(**(self.variables | variables)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def change(self, statement: str, *rows: Sequence[Any]) -> None:
        """Change the provider database, beside the commands."""
        with closing(sqlite3.connect(self.folder / "provider.db", timeout=10)) as connection, connection:
            connection.executemany(statement, rows)

    def end_leases(self) -> None:
        """Free the batches of killed processes at once, as the time does later."""
        self.change("UPDATE provider_batch SET leased_until = ?", (0,))

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()
            process.communicate()

    def write(self, records: Sequence[Mapping[str, Any]], name: str = "records.jsonl") -> str:
        """Write a file of records; give its name."""
        (self.folder / name).write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
        return name


@pytest.fixture
def start_sender(
    tmp_path: Path, migrated_database: Path, sample_data: str, start_pango: Callable[..., Asked]
) -> Iterator[Callable[..., Sender]]:
    """Make a working folder that pushes to a Pango with these options, or rates of faults."""

    def start(*options: str, **rates: float) -> Sender:
        made.append(Sender(fill(tmp_path, migrated_database, sample_data), start_pango(*options, **rates)))
        return made[-1]

    made: list[Sender] = []
    yield start
    for sender in made:
        sender.stop()


@pytest.fixture
def open_outbox() -> Iterator[Callable[[str], Outbox]]:
    """Open the outbox of a provider database."""
    engines = []

    def open_(url: str) -> Outbox:
        engines.append(open_database(Settings(database_url=url)))
        return Outbox(engines[-1])

    yield open_
    for engine in engines:
        engine.dispose()


def members(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Make records of customer-membership."""
    issued = 1584507164000
    return [
        {"customerId": f"C{number}", "membershipId": f"M{number}", "membershipIssuedAt": issued, "loyaltyPoint": number}
        for number in range(start, start + count)
    ]


@pytest.fixture
def make_members() -> Callable[..., list[dict[str, Any]]]:
    """Make records of customer-membership, with all that Pango wants."""
    return members
