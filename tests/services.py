"""What tests need of the machine: databases, Redis and programs; lines that can be cut, and a website."""

import contextlib
import os
import secrets
import select
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson
import psycopg
import pymysql
import pytest

POSTGRESQL, MARIADB, REDIS = 5432, 3306, 6379


def require(service: str, port: int) -> None:
    """Skip the test when a service is not on this machine; in CI that is a failure."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        _skip(f"{service} does not answer on 127.0.0.1:{port}")


def require_program(name: str) -> None:
    """Skip the test when a program is not on this machine; in CI that is a failure."""
    if shutil.which(name) is None:
        _skip(f"{name} is not installed")


def _skip(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def postgresql_database(port: int = POSTGRESQL) -> Iterator[str]:
    """Make an empty PostgreSQL database, reached through a port; give its address."""
    require("PostgreSQL", POSTGRESQL)
    name = f"provider_test_{secrets.token_hex(6)}"
    server = f"host=127.0.0.1 port={POSTGRESQL} user=postgres"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def mariadb_database() -> Iterator[str]:
    """Make an empty MariaDB database; give its address."""
    require("MariaDB", MARIADB)
    name = f"provider_test_{secrets.token_hex(6)}"
    with contextlib.closing(pymysql.connect(host="127.0.0.1", port=MARIADB, user="root")) as connection:
        connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield f"mysql+pymysql://root@127.0.0.1:{MARIADB}/{name}?charset=utf8mb4"
        finally:
            connection.cursor().execute(f"DROP DATABASE {name}")


def own_address() -> str:
    """Give a caller's address that no other test, nor another run of them, calls from (RFC 3849)."""
    return "2001:db8:" + ":".join(secrets.token_hex(2) for _ in range(6))


class Relay:
    """A line to a port of this machine that can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._cut = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._hang_up()

    def cut(self) -> None:
        """Cut all connections, and every new one at once."""
        self._cut = True
        self._hang_up()

    def mend(self) -> None:
        """Let new connections through again."""
        self._cut = False

    def _hang_up(self) -> None:
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((near, far))
            threading.Thread(target=_carry, args=(near, far), daemon=True).start()


def _carry(near: socket.socket, far: socket.socket) -> None:
    with near, far, contextlib.suppress(OSError):
        while True:
            for end in select.select([near, far], [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                (far if end is near else near).sendall(data)


Answer = Callable[[BaseHTTPRequestHandler], None]


class Website:
    """An HTTP server on a free port of this machine: what it serves at which path, and who asked for what."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering; new connections are refused."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, path: str, document: Mapping[str, Any]) -> None:
        """Serve a JSON document at a path."""
        self.pages[path] = lambda request: respond(request, orjson.dumps(document))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                page = site.pages.get(self.path.partition("?")[0])
                with contextlib.suppress(ConnectionError):
                    if page is None:
                        self.send_error(404)
                    else:
                        page(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is the library's
                pass

        return Handler


def respond(request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, **headers: str) -> None:
    """Answer a request with a body."""
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)
