"""What the tests of the simulator share: a partner who talks to it, and the real command."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
from support import PATIENCE_SECONDS, PROVIDER, environment, eventually

from provider.proof.simulator.accounts import PangoCredentials

CREDENTIALS = PangoCredentials(
    username="partner",
    api_key="key of the partner",
    group_key="group",
    org_id="org-1",
    app_id="app-1",
    account="account-1",
    refresh_token="refresh me",
    callback_key="key of the callbacks",
)

PERSON = {"customerId": "C1", "fullName": "Dee", "phone": "0359677657"}


def people(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Make valid records with keys of their own."""
    return [PERSON | {"customerId": f"C{number}"} for number in range(start, start + count)]


@dataclass
class Partner:
    """A partner with credentials who calls a simulator over HTTP."""

    url: str
    credentials: PangoCredentials
    http: httpx2.Client
    token: str = ""

    def authenticate(self, **changes: Any) -> httpx2.Response:
        """Fetch a token of version 1, and keep it."""
        own = self.credentials
        body = {"username": own.username, "apiKey": own.api_key, "cdpGKey": own.group_key} | changes
        body = {name: value for name, value in body.items() if value is not None}
        response = self.http.post(f"{self.url}/api/accounts/authen", json=body)
        if response.status_code == 200 and response.content.startswith(b'{"success":true'):
            self.token = response.json().get("token", "")
        return response

    def ingest(self, entries: Any, object_type: Any = "customer-identity", **options: Any) -> httpx2.Response:
        """Send entries by version 1."""
        body = {"objectType": object_type, "source": "CRM", "entries": entries}
        return self.send({name: value for name, value in body.items() if value is not None}, **options)

    def send(self, content: Any, query: str = "", **headers: str) -> httpx2.Response:
        """Send a whole payload by version 1; bytes go as they are."""
        own = {"TOKEN": self.token, "API_KEY": self.credentials.api_key, "Content-Type": "application/json"}
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        return self.http.post(f"{self.url}/dhub-i/api/v1.0/ingest{query}", content=body, headers=own | headers)

    def get(self, path: str) -> httpx2.Response:
        """Look into the simulator."""
        return self.http.get(f"{self.url}/{path}")

    def count(self, object_type: str = "customer-identity") -> dict[str, int]:
        """Ask how much is stored."""
        return self.get(f"_simulator/records/{object_type}").json()

    def stored(self, records: int, object_type: str = "customer-identity") -> dict[str, int]:
        """Wait until so many records are held, and give the counts."""
        eventually(lambda: self.count(object_type)["count"] >= records)
        return self.count(object_type)

    def windows(self) -> dict[int, dict[str, int]]:
        """Ask for the windows, by their seconds."""
        return {window["seconds"]: window for window in self.get("_simulator/limits").json()["windows"]}


class Command:
    """The real command, `provider simulate`, in a folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Start it and wait until it answers."""
        self._output = folder / "settings.txt"
        self._log = folder / "simulator.log"
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [PROVIDER, "simulate", *options], cwd=folder, env=environment(), stdout=output, stderr=log
            )
        try:
            eventually(lambda: self.process.poll() is not None or "Simulating PangoCDP" in self.log)
            assert self.process.poll() is None, self.log
        except BaseException:
            self.kill()
            raise

    @property
    def log(self) -> str:
        """Everything on standard error so far."""
        return self._log.read_text()

    @property
    def settings(self) -> dict[str, str]:
        """Everything on standard output, which must be settings."""
        return dict(line.split("=", 1) for line in self._output.read_text().splitlines())

    @property
    def url(self) -> str:
        """The address it listens on."""
        return self.settings["PROVIDER_PANGO_AUTH_URL"].partition("/api/")[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it the hard way."""
        self.process.kill()
        self.process.wait()
