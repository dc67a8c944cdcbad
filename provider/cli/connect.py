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
from provider.cli.client.commands import open_clients, require_method
from provider.cli.connection_sheet import ConnectionSheet, DataConnection, TokenConnection, print_sheet
from provider.contract.envelope import Envelope
from provider.dataset import Dataset
from provider.dataset.builtin import BUILT_IN, served
from provider.settings import METHODS, Settings
from provider.store.client_tables import Client
from provider.store.provider_database import open_database

TRIAL = timedelta(hours=24)
"""How long the keys in the curl lines work. The client's own keys are stored as hashes and cannot be printed."""

_SYSTEM_PARAMETERS = ("phone", "email")
"""What Pango's console calls System; it calls every other parameter Customized."""

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class _AuthHeaders:
    """The headers that authenticate a data call: as the sheet shows them, and as the curl lines send them."""

    shown: Mapping[str, str]
    sent: Mapping[str, str]


@click.command("connect")
@click.argument("client")
@click.option(
    "--auth", type=click.Choice(METHODS), default="api_key", show_default=True, help="How Pango authenticates."
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


def connect(name: str, settings: Settings, url: str, *, auth: str = "api_key") -> ConnectionSheet:
    """Make a client's sheet, and a trial key for its curl lines.

    `url` is where Pango reaches the service. ConfigurationError for an unknown client and for a way of authenticating
    that the client may not use.
    """
    clients, url = open_clients(settings), url.rstrip("/")
    client = clients.get(name)
    require_method(client, auth, settings)
    token, headers = _AUTH_METHODS[auth](client, clients, settings, url)
    readable = [
        dataset
        for dataset in served(settings.datasets).values()
        if client.grants is None or dataset.name in client.grants
    ]
    connections = [_data_connection(dataset, client, settings, url, headers) for dataset in readable]
    chosen = {dataset.name for dataset in readable if client.grants is not None or dataset.declared_at != BUILT_IN}
    return ConnectionSheet(
        client=name,
        auth=auth,
        token=token,
        data=tuple(it for it in connections if it.dataset in chosen or not chosen),
        others=tuple(it for it in connections if chosen and it.dataset not in chosen),
    )


def _by_api_key(client: Client, clients: Clients, settings: Settings, _: str) -> tuple[None, _AuthHeaders]:
    header = settings.api_key_header
    trial = clients.issue_trial(client.name, API_KEY, TRIAL)
    return None, _AuthHeaders({header: _describe_secret(client, API_KEY, "API key")}, {header: trial})


def _by_token(client: Client, clients: Clients, settings: Settings, url: str) -> tuple[TokenConnection, _AuthHeaders]:
    trial = clients.issue_trial(client.name, CLIENT_SECRET, TRIAL)
    body = {settings.token_id_field: client.client_id, settings.token_secret_field: trial}
    endpoint = f"{url}/v1/token"
    connection = TokenConnection(
        endpoint=endpoint,
        method="POST",
        headers=_JSON,
        body=body | {settings.token_secret_field: _describe_secret(client, CLIENT_SECRET, "client secret")},
        token_field=f"{Envelope.of(settings, client.envelope).data_key}.accessToken",
        curl=(_curl_line(endpoint, _JSON, json.dumps(body)),),
    )
    return connection, _token_headers(client, settings, None)


def _by_oauth(client: Client, clients: Clients, settings: Settings, url: str) -> tuple[TokenConnection, _AuthHeaders]:
    trial = clients.issue_trial(client.name, CLIENT_SECRET, TRIAL)
    body = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": trial}
    endpoint, form = f"{url}/oauth2/token", {"Content-Type": "application/x-www-form-urlencoded"}
    connection = TokenConnection(
        endpoint=endpoint,
        method="POST",
        headers=form,
        body=body | {"client_secret": _describe_secret(client, CLIENT_SECRET, "client secret")},
        token_field="access_token",  # noqa: S106 -- the name of a field
        curl=(_curl_line(endpoint, form, urlencode(body)),),
    )
    granted = served(settings.datasets) if client.grants is None else client.grants
    return connection, _token_headers(client, settings, " ".join(scope_of(right) for right in granted))


_AUTH_METHODS: Mapping[str, Callable[[Client, Clients, Settings, str], tuple[TokenConnection | None, _AuthHeaders]]] = {
    "api_key": _by_api_key,
    "token": _by_token,
    "oauth": _by_oauth,
}


def _token_headers(client: Client, settings: Settings, scope: str | None) -> _AuthHeaders:
    """Make the headers that carry a token, with a new one for the curl lines.

    `scope` is None for a token of /v1/token. OAuth clients always send theirs in Authorization.
    """
    tokens = AccessTokens(open_database(settings), settings.require_secret_key(), settings.token_ttl)
    text, _ = tokens.issue(client.id, "token" if scope is None else "oauth", scope=scope)
    header = (settings.token_header if scope is None else "") or "Authorization"
    return _AuthHeaders({header: "Bearer (the token)"}, {header: f"Bearer {text}"})


def _data_connection(
    dataset: Dataset, client: Client, settings: Settings, url: str, headers: _AuthHeaders
) -> DataConnection:
    endpoint = f"{url}/v1/data/{dataset.name}"
    identifiers = {
        name: "System" if name in _SYSTEM_PARAMETERS else "Customized (identifier)" for name in dataset.identifiers
    }
    own = {name: f"Customized ({'required' if need else 'optional'})" for name, need in dataset.own_parameters.items()}
    envelope = Envelope.of(settings, client.envelope)
    example = dict(dataset.example) or _sample_example(dataset)
    sent = {**headers.sent, **settings.required_headers}
    return DataConnection(
        dataset=dataset.name,
        endpoint=endpoint,
        methods=("POST", "GET"),
        headers={**headers.shown, **settings.required_headers, "Content-Type": "application/json (POST)"},
        parameters=identifiers | own,
        envelope={
            "success": envelope.success_key,
            "error code": envelope.error_code_key or "(left out)",
            "message": envelope.message_key or "(left out)",
            "data": envelope.data_key,
        },
        curl=(
            _curl_line(f"{endpoint}?{urlencode(example)}", sent),
            _curl_line(endpoint, {**sent, **_JSON}, json.dumps(example, ensure_ascii=False)),
        ),
    )


def _sample_example(dataset: Dataset) -> dict[str, str]:
    """Make the example of a dataset that has none, with the person of Pango's document."""
    sample = {"phone": "0359677657", "email": "dee@bytetech.io"}
    return {name: sample.get(name, "VALUE") for name in (*dataset.identifiers[:1], *dataset.own_parameters)}


def _describe_secret(client: Client, kind: str, what: str) -> str:
    """Say which of its secrets a client is to send, by their last characters: the secrets themselves are not stored."""
    endings = [
        f"…{credential.last_four}"
        for credential in client.credentials
        if credential.kind == kind and not credential.revoked_at and not credential.expires_at
    ]
    if not endings:
        return f"(no lasting {what}: provider client rotate {client.name})"
    return f"(the {what} that ends in {' or '.join(endings)}; lost it? provider client rotate {client.name})"


def _curl_line(address: str, headers: Mapping[str, str], body: str | None = None) -> str:
    flags = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    return shlex.join(["curl", "-s", *flags, *(["-d", body] if body is not None else []), address])
