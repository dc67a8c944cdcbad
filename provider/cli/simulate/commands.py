"""`provider simulate`: a simulated PangoCDP on this machine."""

import signal
from collections.abc import Callable
from dataclasses import fields
from math import ceil
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from click.decorators import FC

from provider.cli.simulate import call
from provider.proof.simulator.accounts import PangoCredentials
from provider.proof.simulator.faults import Rates
from provider.proof.simulator.http_server import open_server
from provider.proof.simulator.pango import Behaviour, Pango
from provider.proof.simulator.request_windows import LIMITS
from provider.proof.simulator.simulator_app import create_simulator

_AUTH = {
    "v1": {"USERNAME": "username", "API_KEY": "api_key", "GROUP_KEY": "group_key"},
    "v2": {"ORG_ID": "org_id", "APP_ID": "app_id", "ACCOUNT": "account", "REFRESH_TOKEN": "refresh_token"},
}
"""The settings that carry the credentials of each way of authenticating, without PROVIDER_PANGO_."""


def _rate_option(name: str, meaning: str) -> Callable[[FC], FC]:
    share = click.FloatRange(0, 1)
    return click.option(f"--{name}-rate", type=share, default=0.0, metavar="P", help=f"Share of {meaning}.")


def _credential_options(function: FC) -> FC:
    for field in reversed(fields(PangoCredentials)):
        name, words = field.name.replace("_", "-"), field.name.replace("_", " ")
        function = click.option(f"--{name}", default="", help=f"The {words}.  [default: a random one]")(function)
    return function


@click.group("simulate", invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0: a free one."
)
@click.option(
    "--auth",
    type=click.Choice(list(_AUTH)),
    default="v1",
    help="The version whose settings are printed; it accepts both.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("simulator.db"),
    show_default=True,
    help="File that keeps records, tokens, counts and credentials.",
)
@click.option(
    "--speed-up",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="FACTOR",
    help="Divide rate windows, queue delay, token life and waits between callbacks.",
)
@click.option(
    "--delay", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Seconds between a 200 and storing."
)
@click.option("--callback-url", default="", help="Where to report what was stored.  [default: nowhere]")
@click.option("--seed", type=int, help="Seed of the random faults: the same seed, the same faults.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, metavar="MS", help="Wait before each answer.")
@_rate_option("fail", "requests that get a 500")
@_rate_option("limit", "ingests refused with a 429 for no reason")
@_rate_option("drop", "requests whose connection is closed unanswered, half of them after they were stored")
@_rate_option(
    "malformed", "answers that are no JSON or cut short, and of waiting times of --limit-rate that make no sense"
)
@_rate_option("reject", "records that are accepted, not stored, and reported as failed")
@click.option(
    "--token-ttl",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long tokens are valid, when less than they say.",
)
@_credential_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Simulate PangoCDP: issue tokens, take ingests, count the rate windows, call back.

    Prints the settings that point a provider at it, then serves until Ctrl-C. Its state is stored in a file and loaded
    at the next start.
    """
    if context.invoked_subcommand is None:
        _serve(**options)


command.add_command(call.command)


def _serve(*, host: str, port: int, auth: str, **options: Any) -> None:
    given = {field.name: options.pop(field.name) for field in fields(PangoCredentials)}
    rates = {name: options.pop(f"{name}_rate") for name in ("fail", "limit", "drop", "malformed", "reject")}
    behaviour = Behaviour(rates=Rates(latency=options.pop("latency") / 1000, **rates), **options)
    pango = Pango(behaviour, PangoCredentials(**given))
    server = open_server(create_simulator(pango), host, port)
    pango.start()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell may start background processes with Ctrl-C ignored
    url = f"http://{host}:{server.port}"
    for line in provider_settings(url, auth, pango.credentials, behaviour):
        click.echo(line)
    click.echo(f"Simulating PangoCDP on {url}, state in {behaviour.state} (Ctrl-C stops it)", err=True)
    server.serve_forever()  # ends and closes at a KeyboardInterrupt
    pango.stop()


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def provider_settings(url: str, auth: str, credentials: PangoCredentials, behaviour: Behaviour) -> list[str]:
    """List the settings of a provider that pushes to this simulator, as lines PROVIDER_NAME=value."""
    v1 = auth == "v1"
    authenticate = "/api/accounts/authen" if v1 else f"/api/v1.0/auth-app/{credentials.org_id}/authen"
    values = {
        "PANGO_AUTH": auth,
        "PANGO_AUTH_URL": url + authenticate,
        "PANGO_INGEST_URL": f"{url}/dhub-i/api/{'v1.0' if v1 else 'v2.0'}/ingest",
        **{f"PANGO_{name}": getattr(credentials, field) for name, field in _AUTH[auth].items()},
        "PANGO_RATE_LIMITS": ",".join(
            f"{limit}/{_round_up(seconds / behaviour.speed_up)}" for seconds, limit in LIMITS
        ),
    }
    if behaviour.callback_url:
        values["CALLBACK_API_KEYS"] = credentials.callback_key
    return [f"PROVIDER_{name}={value}" for name, value in values.items()]


def _round_up(seconds: float) -> str:
    """Write seconds, rounded up to a millionth: a window that is too short would be exceeded."""
    return f"{ceil(round(seconds * 1_000_000, 3)) / 1_000_000:.6f}".rstrip("0").rstrip(".")
