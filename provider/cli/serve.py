"""`provider serve`: the production server."""

import os
from pathlib import Path

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from provider.app import create_app
from provider.log import LOGGING
from provider.settings import Settings

_WSGI = Path(__file__).parents[2] / "wsgi.py"
_THREADS = 4
"""Lookups a worker does side by side: more than one, so that a slow source does not stop the others."""


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
    for engine in app.extensions["databases"].values():
        engine.dispose()  # the workers are forks: a connection must not be shared with them
    server = Server(
        f"{_WSGI}:app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING,
    )
    click.echo(f"Serving on http://{host}:{port} (Ctrl-C stops it)", err=True)
    server.serve()
