"""What tests share beside fixtures: the shape of an answer, and programs run the way a person runs them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import orjson
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from provider.auth.clients import Clients, Issued
from provider.contract.entities import DOCUMENTED
from provider.contract.envelope import Envelope
from provider.settings import Settings
from provider.store.provider_database import open_database

CHECKOUT = Path(__file__).parents[1]
PROVIDER = Path(sys.executable).with_name("provider")
PATIENCE_SECONDS = 60
"""How long a test waits for something that must come before it calls it missing."""

NOON = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
"""When the clock is stopped: tomorrow, so that whatever was stored by the running clock is over."""

SECRET_KEY = "a secret key for tests, of forty characters"

PHONE, EMAIL = "0359677657", "dee@bytetech.io"
SAMPLES = ["birthday-gift", "customer", "voucher"]
BUILT_IN = ["customer-profile", *DOCUMENTED]
"""The datasets of a fresh installation: the samples in files of their own, and those that come with the service."""

VOUCHER = {"code": "E094", "expired": False, "value": 10000}
"""The sample person of Pango's document, and what is known of them."""


@dataclass(frozen=True)
class Deployment:
    """One installation: its settings, its app and its clients."""

    settings: Settings
    app: Flask
    clients: Clients

    def issue(self, name: str = "pango", **envelope: Any) -> Issued:
        """Make a client, with the names of its own that are given."""
        return self.clients.create(name, envelope)

    def asking(self, key: str | None = None) -> FlaskClient:
        """Give an HTTP client that sends this key with every call, or none."""
        client = self.app.test_client()
        if key is not None:
            client.environ_base[f"HTTP_{self.settings.api_key_header.upper().replace('-', '_')}"] = key
        return client


def envelope_of(response: TestResponse | httpx2.Response, envelope: Envelope | None = None) -> dict[str, Any]:
    """Read an answer that must be one JSON object with exactly the envelope's keys, of the right types."""
    envelope = envelope or Envelope()
    body = response.data if isinstance(response, TestResponse) else response.content
    content = orjson.loads(body)
    keys = [envelope.success_key, envelope.message_key, envelope.error_code_key, envelope.data_key]
    assert list(content) == [key for key in keys if key]
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    success, data = content[envelope.success_key], content[envelope.data_key]
    assert isinstance(success, bool)
    assert isinstance(data, dict)
    assert all(isinstance(value, (str, bool, int, float)) for value in data.values())
    if envelope.message_key:
        assert isinstance(content[envelope.message_key], str)
        assert content[envelope.message_key]
    if envelope.error_code_key:
        code = content[envelope.error_code_key]
        assert code == 0 if success else isinstance(code, str)
        assert not isinstance(code, bool)
    if not success:
        assert data == {}
    return content


def record(response: TestResponse | httpx2.Response, envelope: Envelope | None = None) -> dict[str, Any]:
    """Read the record of an answer that must be a success."""
    envelope = envelope or Envelope()
    content = envelope_of(response, envelope)
    assert response.status_code == 200, content
    assert content[envelope.success_key] is True, content
    return content[envelope.data_key]


def failure(
    response: TestResponse | httpx2.Response, code: str, status: int, envelope: Envelope | None = None
) -> dict[str, Any]:
    """Read an answer that must be this error."""
    envelope = envelope or Envelope()
    content = envelope_of(response, envelope)
    assert content[envelope.success_key] is False, content
    if envelope.error_code_key:
        assert content[envelope.error_code_key] == code, content
    assert response.status_code == status
    return content


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait for something another thread or process does; fail when it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def fill(folder: Path, migrated: Path, sample: str) -> Path:
    """Fill a working folder as `provider init`, `provider db upgrade` and the sample data do."""
    shutil.copyfile(migrated, folder / "provider.db")
    (folder / ".env").write_text(f"PROVIDER_SECRET_KEY={SECRET_KEY}\nPROVIDER_SOURCE_DEMO_URL={sample}\n")
    return folder


@contextmanager
def open_clients(folder: Path) -> Iterator[Clients]:
    """Open the clients of a filled folder, beside the commands and the server that work in it."""
    settings = Settings(database_url=f"sqlite:///{folder}/provider.db", secret_key=SECRET_KEY)
    engine = open_database(settings)
    try:
        yield Clients(engine, settings)
    finally:
        engine.dispose()


def environment(**variables: str | None) -> dict[str, str]:
    """Give a program's environment: this one's, without the settings of whoever runs the tests.

    The samples alone are served, whatever datasets a partner has. A variable that is None is left out.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PROVIDER_") and name != "PORT"
    }
    path = [str(CHECKOUT), str(CHECKOUT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    samples = {"PROVIDER_DATASETS": "samples", "PYTHONPATH": os.pathsep.join(path)}
    given = {**inherited, "PYTHONDONTWRITEBYTECODE": "1", **samples, **variables}
    return {name: value for name, value in given.items() if value is not None}


def provider(
    *arguments: str, cwd: Path, fails: bool = False, program: Path = PROVIDER, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run the `provider` command in a folder; it must succeed, or fail without a traceback."""
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done


def side_by_side(*commands: Sequence[str], cwd: Path, **variables: str) -> list[str]:
    """Run commands that must succeed and do not mind each other, all at once; give what each prints."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(provider, *command, cwd=cwd, **variables) for command in commands]
        return [done.result().stdout for done in running]


def refusal(*arguments: str, cwd: Path, **variables: str) -> str:
    """Run a command that must fail with one line on standard error, and give that line."""
    done = provider(*arguments, cwd=cwd, fails=True, **variables)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    return lines[0].removeprefix("Error: ")


class Server:
    """The real server, `provider serve`, over the settings of a folder, on a port of this machine."""

    def __init__(
        self, folder: Path, *options: str, port: int | None = None, program: Path = PROVIDER, **variables: str | None
    ) -> None:
        """Start it on a free port, or through the variable PORT on the one given."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        where = {"PORT": str(port)} if port else {}
        self._output = folder / f"server-{self.port}.log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [program, "serve", "--workers", "1", *options, *([] if port else ["--port", str(self.port)])],
                cwd=folder,
                env=environment(**where, **variables),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            eventually(self._answers)
        except BaseException:
            self.kill()
            raise

    @property
    def output(self) -> str:
        """Everything it has printed so far."""
        return self._output.read_text(errors="replace")

    def log(self) -> list[dict[str, Any]]:
        """Read the lines of its log; every line must be a JSON object, but for the greeting."""
        lines = [line for line in self.output.splitlines() if not line.startswith("Serving on http")]
        return [orjson.loads(line) for line in lines]

    def stop(self, *, by_ctrl_c: bool = False) -> int:
        """Ask it to stop, as a supervisor or as a person at the keyboard does, and wait; give its exit code."""
        if self.process.poll() is None:
            if by_ctrl_c:
                os.killpg(self.process.pid, signal.SIGINT)  # a terminal tells the whole group
            else:
                self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """Leave nothing running, whatever happened."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.output
        try:
            return httpx2.get(f"{self.url}/healthz").status_code == 200
        except httpx2.TransportError:
            return False


def raw_answer(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are and read the one answer: status, headers in lower case, body."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status.split()[1]), headers, body


def form(pairs: Mapping[str, str], boundary: str = "limit") -> tuple[bytes, str]:
    """Write a multipart form; give its body and its content type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs.items()
    ]
    return "".join([*parts, f"--{boundary}--\r\n"]).encode(), f"multipart/form-data; boundary={boundary}"


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
