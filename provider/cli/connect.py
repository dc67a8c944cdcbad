"""`provider connect`: what to type into Pango's console, and curl lines that work when pasted."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from urllib.parse import urlencode

import click

from provider.auth.keys import API_KEY
from provider.cli.client import open_clients
from provider.contract.envelope import Envelope
from provider.dataset import Dataset
from provider.dataset.discover import discover
from provider.settings import Settings
from provider.store.models import Client

TRIAL = timedelta(hours=24)
"""How long the key in the curl lines works: the keys made for Pango are not kept, so they cannot be printed again."""

_SYSTEM = ("phone", "email")


@dataclass(frozen=True)
class Connection:
    """What one dataset's connection is made of."""

    dataset: str
    endpoint: str
    methods: tuple[str, ...]
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    envelope: Mapping[str, str]
    curl: tuple[str, ...]


@click.command("connect")
@click.argument("client")
@click.option(
    "--url",
    help="Where Pango reaches this service, like https://data.example.vn.  [default: this machine, port from PORT]",
)
@click.option("--port", default=8000, envvar="PORT", hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(client: str, url: str | None, port: int, *, as_json: bool) -> None:
    """Print what to type into Pango's console for CLIENT, and curl lines that work.

    The curl lines carry a trial key of their own, which stops working after 24 hours.
    """
    settings = Settings.from_environment()
    connections = connect(client, settings, url or f"http://127.0.0.1:{port}")
    if as_json:
        click.echo(json.dumps([asdict(connection) for connection in connections], indent=2, ensure_ascii=False))
        return
    print_sheet(client, connections)


def connect(name: str, settings: Settings, url: str) -> list[Connection]:
    """Describe every dataset's connection for a client; makes the trial key of the curl lines."""
    clients = open_clients(settings)
    trial = clients.issue_trial_key(name, TRIAL)
    client = clients.get(name)
    return [
        _connection(dataset, client, settings, url.rstrip("/"), trial)
        for dataset in discover(settings.datasets).values()
    ]


def print_sheet(client: str, connections: list[Connection]) -> None:
    """Print the connections for a person."""
    click.echo(f"Connection sheet for {client}. In Pango's console: Connections > Postback API > Access Data Api.")
    for connection in connections:
        click.echo(f"\n{click.style(connection.dataset, bold=True)}")
        click.echo(f"  Endpoint    {connection.endpoint}")
        click.echo(f"  Method      {' or '.join(connection.methods)} (POST keeps phones and emails out of server logs)")
        _print_pairs("Headers", {name: f": {value}" for name, value in connection.headers.items()})
        _print_pairs("Parameters", {name: f"  {kind}" for name, kind in connection.parameters.items()})
        _print_pairs("Answer", {role: f": {key}" for role, key in connection.envelope.items()})
    click.echo("\nTry it; the key in these lines is a trial key that works for 24 hours:\n")
    for connection in connections:
        for line in connection.curl:
            click.echo(line)


def _print_pairs(title: str, pairs: Mapping[str, str]) -> None:
    for number, (name, rest) in enumerate(pairs.items()):
        click.echo(f"  {title if number == 0 else '':<11} {name}{rest}")


def _connection(dataset: Dataset, client: Client, settings: Settings, url: str, trial: str) -> Connection:
    endpoint = f"{url}/v1/data/{dataset.name}"
    header = settings.api_key_header
    parameters = {name: "System" if name in _SYSTEM else "Customized (identifier)" for name in dataset.identifiers} | {
        name: f"Customized ({'required' if need else 'optional'})" for name, need in dataset.own_parameters.items()
    }
    envelope = Envelope.of(settings, client.envelope)
    return Connection(
        dataset=dataset.name,
        endpoint=endpoint,
        methods=("POST", "GET"),
        headers={
            header: _key_hint(client),
            **settings.required_headers,
            "Content-Type": "application/json (POST)",
        },
        parameters=parameters,
        envelope={
            "success": envelope.success_key,
            "error code": envelope.error_code_key or "(left out)",
            "message": envelope.message_key or "(left out)",
            "data": envelope.data_key,
        },
        curl=_curl(dataset, endpoint, {header: trial, **settings.required_headers}),
    )


def _key_hint(client: Client) -> str:
    endings = [
        f"…{credential.last_four}"
        for credential in client.credentials
        if credential.kind == API_KEY and not credential.revoked_at and not credential.expires_at
    ]
    if not endings:
        return f"(no lasting key: provider client rotate {client.name})"
    return f"(the API key that ends in {' or '.join(endings)}; lost it? provider client rotate {client.name})"


def _curl(dataset: Dataset, endpoint: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Write a GET and a POST line; without an example of its own a dataset gets the sample of Pango's document."""
    sample = {"phone": "0359677657", "email": "dee@bytetech.io"}
    example = dataset.example or {
        name: sample.get(name, "VALUE") for name in (*dataset.identifiers[:1], *dataset.own_parameters)
    }
    flags = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
    body = shlex.quote(json.dumps(example, ensure_ascii=False))
    return (
        f"curl -s {flags} {shlex.quote(f'{endpoint}?{urlencode(example)}')}",
        f"curl -s {flags} -H 'Content-Type: application/json' -d {body} {shlex.quote(endpoint)}",
    )
