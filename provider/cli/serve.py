"""`provider serve`: the production server."""

import os
import signal
import socket
import time
from threading import Thread
from typing import Any

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from provider.app import create_app, create_serving_app
from provider.errors import ConfigurationError
from provider.log import LOGGING
from provider.settings import Settings

_THREADS = 4
"""How many lookups a worker does at the same time: more than one, so that a slow source does not stop the others."""

_STOP_SECONDS = 10
"""How long a worker may take to finish its lookups when the service is stopped."""


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
        "provider.app:create_serving_app",
        address=_free_address(host, port),
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=_STOP_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING,
    )
    click.echo(f"Serving on http://{host}:{port} (Ctrl-C stops it)", err=True)
    os.register_at_fork(after_in_child=_leave_terminal)
    server.serve(target_loader=_load, wrap_loader=False)


def _leave_terminal() -> None:
    """Put a worker into a process group of its own, and reset its handler of SIGTERM.

    Ctrl-C goes to every process of the terminal's group, and the server then sends SIGTERM to its workers. Granian's
    workers may hang when both arrive at once. Until a worker has loaded the app, SIGTERM would also run the handler
    that it inherits from the server.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _load() -> Any:
    """Make the app in a worker."""
    Thread(target=_end_with, args=(os.getppid(),), name="end-with-server", daemon=True).start()
    return create_serving_app()


def _end_with(server: int) -> None:
    """End this worker when its server was killed: it would hold the port for ever."""
    while os.getppid() == server:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _free_address(host: str, port: int) -> str:
    """Return the address of a host; ConfigurationError for a host that is unknown and for a port in use.

    Granian would share the port with the other server, and each call would go to one of them at random.
    """
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
