"""Serves the simulator by Werkzeug's server: a thread for each connection, which ends with its answer."""

import socket
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from provider.errors import ConfigurationError


def open_server(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Listen on a port, on a free one for 0: see the server's `port`. ConfigurationError when it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]  # the rest repeats the address
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {reason}. Stop what listens there, or choose another port."
        ) from None
    with listener:  # make_server copies the socket; given a port in use it would end the process
        return make_server(host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno())


class _Handler(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def make_environ(self) -> dict[str, Any]:
        """Add the header API_KEY: Werkzeug leaves out headers with an underscore in their name."""
        return super().make_environ() | {"HTTP_API_KEY": self.headers.get("API_KEY", "")}

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Hang up: after a request without an answer Werkzeug would wait for the next one."""
        self.close_connection = True

    def log(self, *_: Any) -> None:
        """Write no access log: addresses may hold personal data. The page shows the last requests."""
