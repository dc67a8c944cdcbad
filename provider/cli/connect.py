"""`provider connect`: what to type into Pango's console, and curl lines that work when pasted."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from urllib.parse import urlencode

import click

from provider.auth.access import scope_of
from provider.auth.access_tokens import AccessTokens
from provider.auth.clients import Clients
from provider.auth.keys import API_KEY, CLIENT_SECRET
from provider.cli.client.commands import open_clients
from provider.contract.envelope import Envelope
from provider.dataset import Dataset
from provider.dataset.builtin import BUILT_IN, served
from provider.errors import ConfigurationError
from provider.settings import METHODS, Settings
from provider.store.client_tables import Client
from provider.store.provider_database import open_database

TRIAL = timedelta(hours=24)
"""How long the keys in the curl lines work: those made for Pango are not kept, so they cannot be printed again."""

_SYSTEM = ("phone", "email")
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class TokenConnection:
    """Where a token is fetched: Pango's Access Token Api connection, or what an OAuth 2.0 client is told."""

    endpoint: str
    method: str
    headers: Mapping[str, str]
    body: Mapping[str, str]
    token_field: str
    curl: tuple[str, ...]
    token_prefix: str = "Bearer"  # noqa: S105 -- a word of the protocol


@dataclass(frozen=True)
class DataConnection:
    """One dataset: an Access Data Api connection in Pango's console."""

    dataset: str
    endpoint: str
    methods: tuple[str, ...]
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    envelope: Mapping[str, str]
    curl: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """All that connects one client; `others` are datasets that are built in and were not granted by name."""

    client: str
    auth: str
    token: TokenConnection | None
    data: tuple[DataConnection, ...]
    others: tuple[DataConnection, ...]


@dataclass(frozen=True)
class _Proof:
    """How data calls prove who calls: the header as the sheet shows it, and as the curl lines carry it."""

    shown: Mapping[str, str]
    sent: Mapping[str, str]


@click.command("connect")
@click.argument("client")
@click.option(
    "--auth", type=click.Choice(METHODS), default="api_key", show_default=True, help="How Pango proves itself."
)
@click.option(
    "--url",
    help="Where Pango reaches this service, like https://data.example.vn.  [default: this machine, port from PORT]",
)
@click.option("--port", default=8000, envvar="PORT", hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(client: str, *, auth: str, url: str | None, port: int, as_json: bool) -> None:
    """Print what to type into Pango's console for CLIENT, and curl lines that work.

    The curl lines carry a trial key of their own, which stops working after 24 hours.
    """
    sheet = connect(client, Settings.from_environment(), url or f"http://127.0.0.1:{port}", auth=auth)
    if as_json:
        click.echo(json.dumps(asdict(sheet), indent=2, ensure_ascii=False))
    else:
        print_sheet(sheet)


def connect(name: str, settings: Settings, url: str, *, auth: str = "api_key") -> Sheet:
    """Describe a client's connections; makes the trial key of the curl lines. ConfigurationError."""
    clients, url = open_clients(settings), url.rstrip("/")
    client = clients.get(name)
    if auth not in (settings.auth_methods if client.auth_methods is None else client.auth_methods):
        raise ConfigurationError(f"Client {name!r} may not use {auth}.")
    token, proof = _WAYS[auth](client, clients, settings, url)
    readable = [
        dataset
        for dataset in served(settings.datasets).values()
        if client.grants is None or dataset.name in client.grants
    ]
    meant = [dataset for dataset in readable if client.grants is not None or dataset.where != BUILT_IN] or readable
    others = [dataset for dataset in readable if dataset not in meant]
    data, rest = (tuple(_data_connection(it, client, settings, url, proof) for it in some) for some in (meant, others))
    return Sheet(client=name, auth=auth, token=token, data=data, others=rest)


def _by_api_key(client: Client, clients: Clients, settings: Settings, _: str) -> tuple[None, _Proof]:
    header = settings.api_key_header
    trial = clients.issue_trial(client.name, API_KEY, TRIAL)
    return None, _Proof({header: _hint(client, API_KEY, "API key")}, {header: trial})


def _by_token(client: Client, clients: Clients, settings: Settings, url: str) -> tuple[TokenConnection, _Proof]:
    trial = clients.issue_trial(client.name, CLIENT_SECRET, TRIAL)
    body = {settings.token_id_field: client.client_id, settings.token_secret_field: trial}
    endpoint = f"{url}/v1/token"
    connection = TokenConnection(
        endpoint=endpoint,
        method="POST",
        headers=_JSON,
        body=body | {settings.token_secret_field: _hint(client, CLIENT_SECRET, "client secret")},
        token_field=f"{Envelope.of(settings, client.envelope).data_key}.accessToken",
        curl=(_curl(endpoint, _JSON, json.dumps(body)),),
    )
    return connection, _bearer(client, settings, None)


def _by_oauth(client: Client, clients: Clients, settings: Settings, url: str) -> tuple[TokenConnection, _Proof]:
    trial = clients.issue_trial(client.name, CLIENT_SECRET, TRIAL)
    body = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": trial}
    endpoint, form = f"{url}/oauth2/token", {"Content-Type": "application/x-www-form-urlencoded"}
    connection = TokenConnection(
        endpoint=endpoint,
        method="POST",
        headers=form,
        body=body | {"client_secret": _hint(client, CLIENT_SECRET, "client secret")},
        token_field="access_token",  # noqa: S106 -- the name of a field
        curl=(_curl(endpoint, form, urlencode(body)),),
    )
    granted = served(settings.datasets) if client.grants is None else client.grants
    return connection, _bearer(client, settings, " ".join(scope_of(right) for right in granted))


_WAYS: Mapping[str, Callable[[Client, Clients, Settings, str], tuple[TokenConnection | None, _Proof]]] = {
    "api_key": _by_api_key,
    "token": _by_token,
    "oauth": _by_oauth,
}


def _bearer(client: Client, settings: Settings, scope: str | None) -> _Proof:
    """Show how a token is sent, and make one for the curl lines. OAuth clients always send it in Authorization."""
    tokens = AccessTokens(open_database(settings), settings.require_secret_key(), settings.token_ttl)
    text, _ = tokens.issue(client.id, "token" if scope is None else "oauth", scope=scope)
    header = (settings.token_header if scope is None else "") or "Authorization"
    return _Proof({header: "Bearer (the token)"}, {header: f"Bearer {text}"})


def _data_connection(dataset: Dataset, client: Client, settings: Settings, url: str, proof: _Proof) -> DataConnection:
    endpoint = f"{url}/v1/data/{dataset.name}"
    identifiers = {name: "System" if name in _SYSTEM else "Customized (identifier)" for name in dataset.identifiers}
    own = {name: f"Customized ({'required' if need else 'optional'})" for name, need in dataset.own_parameters.items()}
    envelope = Envelope.of(settings, client.envelope)
    example = dict(dataset.example) or _invented_example(dataset)
    sent = {**proof.sent, **settings.required_headers}
    return DataConnection(
        dataset=dataset.name,
        endpoint=endpoint,
        methods=("POST", "GET"),
        headers={**proof.shown, **settings.required_headers, "Content-Type": "application/json (POST)"},
        parameters=identifiers | own,
        envelope={
            "success": envelope.success_key,
            "error code": envelope.error_code_key or "(left out)",
            "message": envelope.message_key or "(left out)",
            "data": envelope.data_key,
        },
        curl=(
            _curl(f"{endpoint}?{urlencode(example)}", sent),
            _curl(endpoint, {**sent, **_JSON}, json.dumps(example, ensure_ascii=False)),
        ),
    )


def _invented_example(dataset: Dataset) -> dict[str, str]:
    """Stand in for a dataset's own example with the sample person of Pango's document."""
    sample = {"phone": "0359677657", "email": "dee@bytetech.io"}
    return {name: sample.get(name, "VALUE") for name in (*dataset.identifiers[:1], *dataset.own_parameters)}


def _hint(client: Client, kind: str, what: str) -> str:
    """Tell which of its lasting secrets a client is to send; the secrets themselves are not kept."""
    endings = [
        f"…{credential.last_four}"
        for credential in client.credentials
        if credential.kind == kind and not credential.revoked_at and not credential.expires_at
    ]
    if not endings:
        return f"(no lasting {what}: provider client rotate {client.name})"
    return f"(the {what} that ends in {' or '.join(endings)}; lost it? provider client rotate {client.name})"


def _curl(address: str, headers: Mapping[str, str], body: str | None = None) -> str:
    flags = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    return shlex.join(["curl", "-s", *flags, *(["-d", body] if body is not None else []), address])


def print_sheet(sheet: Sheet) -> None:
    """Print the connections for a person."""
    click.echo(f"Connection sheet for {sheet.client}. In Pango's console: Connections > Postback API.")
    if sheet.token:
        title = "Access Token Api" if sheet.auth == "token" else "OAuth 2.0, client credentials"
        click.echo(f"\n{click.style(title, bold=True)}")
        _print_rows("Endpoint", [sheet.token.endpoint])
        _print_rows("Method", [sheet.token.method])
        _print_rows("Header", [f"{name}: {value}" for name, value in sheet.token.headers.items()])
        _print_rows("Body", [f"{name}: {value}" for name, value in sheet.token.body.items()])
        _print_rows("Token Prefix", [sheet.token.token_prefix])
        _print_rows("Token Field", [sheet.token.token_field])
    for connection in sheet.data:
        click.echo(f"\n{click.style(f'Access Data Api: {connection.dataset}', bold=True)}")
        _print_rows("Endpoint", [connection.endpoint])
        _print_rows(
            "Method", [f"{' or '.join(connection.methods)} (POST keeps phones and emails out of proxies' logs)"]
        )
        _print_rows("Header", [f"{name}: {value}" for name, value in connection.headers.items()])
        _print_rows("Parameters", [f"{name}  {kind}" for name, kind in connection.parameters.items()])
        _print_rows("Answer", [f"{role}: {key}" for role, key in connection.envelope.items()])
    if sheet.others:
        title = click.style("Access Data Api: entities you import", bold=True)
        click.echo(f"\n{title} (docs/entities.md), connected in the same way")
        for connection in sheet.others:
            click.echo(f"  {connection.endpoint}  {', '.join(connection.parameters)}")
    click.echo("\nTry it. The secrets in these lines are for trying only, and end within 24 hours.\n")
    for line in [*(sheet.token.curl if sheet.token else ()), *(line for data in sheet.data for line in data.curl)]:
        click.echo(line)


def _print_rows(title: str, rows: list[str]) -> None:
    for number, row in enumerate(rows):
        click.echo(f"  {title if number == 0 else '':<13} {row}")
