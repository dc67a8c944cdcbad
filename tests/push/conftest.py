"""A pretend Pango, a folder that pushes to it, and its outbox."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx2
import orjson
import pytest
from support import PROVIDER, environment, eventually, fill, free_port, provider

from provider.ingestion.outbox import Outbox
from provider.settings import Settings
from provider.store.engine import open_database


class Pango:
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

    def ask(self, path: str) -> dict[str, Any]:
        """Ask it what it knows."""
        return httpx2.get(f"{self.url}/_simulator/{path}").json()

    def stored(self, object_type: str) -> int:
        """Count the different records it has stored, once nothing is under way."""
        counts: list[int] = []

        def settled() -> bool:
            counts.append(self.ask(f"records/{object_type}")["refIds"])
            return len(counts) > 10 and len(set(counts[-10:])) == 1

        eventually(settled)
        return counts[-1]

    def _answers(self) -> bool:
        assert self.process.poll() is None
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/_simulator/limits").status_code == 200
        return False


@pytest.fixture
def start_pango(tmp_path: Path) -> Iterator[Callable[..., Pango]]:
    """Start a pretend Pango with these options."""
    running: list[Pango] = []

    def start(*options: str) -> Pango:
        (folder := tmp_path / f"pango{len(running)}").mkdir()
        running.append(Pango(folder, *options))
        return running[-1].start()

    yield start
    for pango in running:
        pango.kill()


class Sender:
    """A working folder whose settings point at a Pango."""

    def __init__(self, folder: Path, pango: Pango) -> None:
        self.folder = folder
        self.pango = pango
        self.variables = pango.settings
        self.database = f"sqlite:///{folder}/provider.db"

    def push(self, *arguments: str, fails: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `provider push`."""
        return provider("push", *arguments, cwd=self.folder, fails=fails, **(self.variables | variables))

    def summary(self, *arguments: str, **variables: str) -> dict[str, Any]:
        """Run `provider push` to its end; give the object it ends with."""
        return orjson.loads(self.push(*arguments, "--json", **variables).stdout.splitlines()[-1])

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start `provider push` and do not wait for it."""
        return subprocess.Popen(
            [PROVIDER, "push", *arguments],
            cwd=self.folder,
            env=environment(**(self.variables | variables)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, records: Sequence[Mapping[str, Any]], name: str = "records.jsonl") -> str:
        """Write a file of records; give its name."""
        (self.folder / name).write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
        return name


@pytest.fixture
def start_sender(
    tmp_path: Path, migrated_database: Path, sample_data: str, start_pango: Callable[..., Pango]
) -> Callable[..., Sender]:
    """Make a folder that pushes to a Pango with these options."""

    def start(*options: str) -> Sender:
        return Sender(fill(tmp_path, migrated_database, sample_data), start_pango(*options))

    return start


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
