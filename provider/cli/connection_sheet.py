"""The connection sheet: what to type into Pango's console for one client, and how it is printed."""

from collections.abc import Mapping
from dataclasses import dataclass

import click


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
class ConnectionSheet:
    """Everything that connects one client.

    `data` are the datasets that the client was granted by name, or without grants those of the partner. `others` are
    built-in datasets that it may read as well. `token` is None when calls carry an API key.
    """

    client: str
    auth: str
    token: TokenConnection | None
    data: tuple[DataConnection, ...]
    others: tuple[DataConnection, ...]


def print_sheet(sheet: ConnectionSheet) -> None:
    """Print the sheet for a person, with the curl lines at its end."""
    click.echo(f"Connection sheet for {sheet.client}. In Pango's console: Connections > Postback API.")
    if sheet.token:
        _print_token(sheet.token, "Access Token Api" if sheet.auth == "token" else "OAuth 2.0, client credentials")
    for connection in sheet.data:
        _print_data(connection)
    if sheet.others:
        title = click.style("Access Data Api: entities you import", bold=True)
        click.echo(f"\n{title} (docs/entities.md), connected in the same way")
        for connection in sheet.others:
            click.echo(f"  {connection.endpoint}  {', '.join(connection.parameters)}")
    click.echo("\nTry it. The secrets in these lines are for trying only, and end within 24 hours.\n")
    for line in [*(sheet.token.curl if sheet.token else ()), *(line for data in sheet.data for line in data.curl)]:
        click.echo(line)


def _print_token(token: TokenConnection, title: str) -> None:
    click.echo(f"\n{click.style(title, bold=True)}")
    _print_rows("Endpoint", [token.endpoint])
    _print_rows("Method", [token.method])
    _print_rows("Header", _pairs(token.headers))
    _print_rows("Body", _pairs(token.body))
    _print_rows("Token Prefix", [token.token_prefix])
    _print_rows("Token Field", [token.token_field])


def _print_data(connection: DataConnection) -> None:
    click.echo(f"\n{click.style(f'Access Data Api: {connection.dataset}', bold=True)}")
    _print_rows("Endpoint", [connection.endpoint])
    _print_rows("Method", [f"{' or '.join(connection.methods)} (POST keeps phones and emails out of proxies' logs)"])
    _print_rows("Header", _pairs(connection.headers))
    _print_rows("Parameters", [f"{name}  {kind}" for name, kind in connection.parameters.items()])
    _print_rows("Answer", _pairs(connection.envelope))


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in values.items()]


def _print_rows(title: str, rows: list[str]) -> None:
    for number, row in enumerate(rows):
        click.echo(f"  {title if number == 0 else '':<13} {row}")
