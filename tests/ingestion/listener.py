"""A small HTTP server in Pango's place, which answers what a test tells it to."""

import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson

from provider.settings import Settings

V1 = {"pango_username": "shop", "pango_api_key": "api-key-of-shop", "pango_group_key": "group-key-of-shop"}
V2 = {
    "pango_auth": "v2",
    "pango_org_id": "org-1",
    "pango_app_id": "app-1",
    "pango_account": "account-1",
    "pango_refresh_token": "long-lived-token",
}
SECRETS = ("api-key-of-shop", "group-key-of-shop", "long-lived-token", "token-1", "token-2")
AUTH, INGEST = "/authen", "/ingest"
SUCCESS = b'{"success": true, "requestId": "r-1"}'


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


Respond = Callable[[BaseHTTPRequestHandler, Call], None]


def answer(body: bytes, status: int = 200, **headers: str) -> Respond:
    """Answer with these bytes."""

    def respond(request: BaseHTTPRequestHandler, _: Call) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return respond


def document(http_status: int = 200, /, **members: object) -> Respond:
    """Answer with a JSON object."""
    return answer(orjson.dumps(members), http_status)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about callers that hang up, or do not trust our certificate: tests make them."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@dataclass
class Listener:
    """Answers each path with its respondents in turn, the last of them for ever. Tokens are token-1, token-2, ..."""

    calls: list[Call] = field(default_factory=list)
    script: dict[str, list[Respond]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        listener, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                call = Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                path = self.path.partition("?")[0]
                with lock:
                    listener.calls.append(call)
                    respondents = listener.script[path]
                    respond = respondents.pop(0) if len(respondents) > 1 else respondents[0]
                with contextlib.suppress(ConnectionError):
                    respond(self, call)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the library's
                pass

        self.script = {AUTH: [self._give_token], INGEST: [answer(SUCCESS)]}
        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def on(self, path: str, *respondents: Respond) -> None:
        """Answer a path with these in turn."""
        self.script[path] = list(respondents)

    def to(self, path: str) -> list[Call]:
        """List the calls of a path."""
        return [call for call in self.calls if call.path.partition("?")[0] == path]

    def settings(self, **chosen: object) -> Settings:
        """Give settings that point here, of version 1 unless others are given."""
        addresses = {"pango_auth_url": self.url + AUTH, "pango_ingest_url": self.url + INGEST}
        return Settings(**(addresses | V1 | chosen))

    def _give_token(self, request: BaseHTTPRequestHandler, call: Call) -> None:
        token = f"token-{len(self.to(AUTH))}"
        if "cdpGKey" in orjson.loads(call.body):
            # The example of Pango's page "Authentication": the two lifetimes are in different units.
            times = {"issuedAt": 1584414919000, "expiredAt": 1584416719000, "expiredAfter": 1800}
            document(success=True, status="authenticated", token=token, **times)(request, call)
        else:
            document(success=True, data={"accessToken": token})(request, call)
