"""`provider serve`: the production server."""

import os
import runpy
import signal
import socket
import time
from pathlib import Path
from threading import Thread
from typing import Any

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from provider.app import create_app
from provider.errors import ConfigurationError
from provider.log import LOGGING
from provider.settings import Settings

_WSGI = Path(__file__).parents[2] / "wsgi.py"
_THREADS = 4
"""Lookups a worker does side by side: more than one, so that a slow source does not stop the others."""

_PATIENCE = 10
"""Seconds a worker has to end its lookups when the service is stopped."""


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    envvar="PORT",
    type=click.IntRange(1, 65535),
    help="Port to listen on; also from PORT.",
)
@click.option(
    "--workers", default=os.cpu_count() or 1, show_default="one per core", type=click.IntRange(min=1), help="Processes."
)
def command(host: str, port: int, workers: int) -> None:
    """Start the service. Stop it with Ctrl-C."""
    app = create_app(Settings.from_environment())  # a mistake shows here, in one line, before any worker starts
    for engine in app.extensions["engines"]:
        engine.dispose()  # the workers are forks: a connection must not be shared with them
    server = Server(
        str(_WSGI),
        address=_free_address(host, port),
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=_PATIENCE,
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING,
    )
    click.echo(f"Serving on http://{host}:{port} (Ctrl-C stops it)", err=True)
    os.register_at_fork(after_in_child=_leave_terminal)
    server.serve(target_loader=_load)


def _leave_terminal() -> None:
    """Take a worker out of reach of the terminal.

    Ctrl-C goes to every process of the terminal's group, and granian's workers may hang when it meets the SIGTERM that
    the server sends them for it. Until a worker has loaded the app it would also pass that SIGTERM to the handler it
    has inherited from the server.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _load(wsgi: str) -> Any:
    """Load the app in a worker."""
    Thread(target=_end_with, args=(os.getppid(),), name="end-with-server", daemon=True).start()
    return runpy.run_path(wsgi)["app"]


def _end_with(server: int) -> None:
    """End a worker whose server was killed: it would hold the port for ever."""
    while os.getppid() == server:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _free_address(host: str, port: int) -> str:
    """Resolve a host, and refuse a port in use: the server shares it, and calls would go to either at random."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
    except socket.gaierror:
        raise ConfigurationError(f"The host {host!r} is not known. Give an address of this machine.") from None
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Stop what listens there, or choose another port."
        ) from None
    return str(address[0])
