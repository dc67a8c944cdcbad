"""`provider client`: who may call, and with which keys."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click
from click.decorators import FC

from provider.auth.callers import CACHE_SECONDS
from provider.auth.clients import Clients, Issued
from provider.auth.keys import CONSENT_CODE, Pepper
from provider.auth.one_time_secrets import OneTimeSecrets
from provider.cli.client.options import Duration, Renames
from provider.contract.envelope import CHOICES
from provider.errors import ConfigurationError
from provider.settings import METHODS, Settings
from provider.store.client_tables import Client
from provider.store.provider_database import check_migrated, open_database


def open_clients(settings: Settings) -> Clients:
    """Open the clients of the provider database, which must be up to date."""
    engine = open_database(settings)
    check_migrated(engine, settings)
    return Clients(engine, settings)


def require_method(client: Client, method: str, settings: Settings) -> None:
    """Make sure that a client may authenticate in this way; ConfigurationError."""
    if method not in (settings.auth_methods if client.auth_methods is None else client.auth_methods):
        raise ConfigurationError(f"Client {client.name!r} may not use {method}.")


@click.group("client")
def command() -> None:
    """Create clients, show them, rotate and revoke their keys."""


def _envelope_option(part: str, meaning: str) -> Callable[[FC], FC]:
    """Make the option for one part of the client's envelope."""
    return click.option(f"--{part.replace('_', '-')}", type=click.Choice(CHOICES[part]), help=meaning)


@command.command()
@click.argument("name")
@_envelope_option("success_key", "The envelope's success key.")
@_envelope_option("data_key", "The envelope's data key.")
@_envelope_option("message_key", 'The envelope\'s message key; "" leaves it out.')
@_envelope_option("error_code_key", 'The envelope\'s error code key; "" leaves it out.')
@click.option("--error-codes", type=Renames(), help="Rename error codes, like Unauthorized=-102,NotFound=E404.")
@_envelope_option("http_status", "HTTP status of errors.")
@_envelope_option("miss", "The answer when nobody matches.")
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="NAME[:FIELD[=MASK],...]",
    help="A dataset it may read, and the fields it may see, masked by last4, hash, year or hide; may be repeated."
    "  [default: every dataset]",
)
@click.option(
    "--webhook",
    "webhooks",
    multiple=True,
    metavar="NAME",
    help="A webhook it may call, when it is limited; may be repeated. Without --dataset it may read nothing.",
)
@click.option(
    "--auth",
    "auth_methods",
    multiple=True,
    type=click.Choice(METHODS),
    help="How it may authenticate; may be repeated.  [default: as AUTH_METHODS says]",
)
@click.option("--network", "networks", multiple=True, help="A network it may call from, like 203.0.113.0/24.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where OAuth may send the browser back to.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(
    name: str,
    *,
    datasets: tuple[str, ...],
    webhooks: tuple[str, ...],
    auth_methods: tuple[str, ...],
    networks: tuple[str, ...],
    redirect_uris: tuple[str, ...],
    as_json: bool,
    **envelope: Any,
) -> None:
    """Create a client and show its secrets, this once.

    Options that are left out follow the deployment's settings.
    """
    # Imported here since it loads the datasets, which no other command on clients needs.
    from provider.cli.client.grants import read_grants, read_webhook_grants  # noqa: PLC0415

    settings = Settings.from_environment()
    names = {part: value for part, value in envelope.items() if value is not None}
    issued = open_clients(settings).create(
        name,
        names,
        grants=read_grants(datasets, settings) | read_webhook_grants(webhooks) if datasets or webhooks else None,
        auth_methods=auth_methods or None,
        networks=networks,
        redirect_uris=redirect_uris,
    )
    _print_secrets(issued, settings, as_json=as_json, title=f"Client {name} created.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> None:
    """List the clients."""
    clients = open_clients(Settings.from_environment()).list()
    if as_json:
        click.echo(json.dumps([_client_row(client) for client in clients], indent=2))
        return
    if not clients:
        click.echo("No clients yet. Create one: provider client create pango")
    for client in clients:
        state = "revoked" if client.revoked_at else "live"
        click.echo(f"{client.name:<24} {state:<8} {len(client.credentials)} keys  created {_iso(client.created_at)}")


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show a client and its keys; the keys themselves are not kept."""
    client = open_clients(Settings.from_environment()).get(name)
    row = _client_row(client)
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    click.echo(f"Client     {client.name}\nClient id  {client.client_id}\nCreated    {_iso(client.created_at)}")
    if client.revoked_at:
        click.echo(f"Revoked    {_iso(client.revoked_at)}")
    click.echo(f"May read   {_describe_grants(client)}")
    if client.envelope:
        click.echo(f"Envelope   {json.dumps(client.envelope, ensure_ascii=False)}")
    for key in row["keys"]:
        click.echo(
            f"{key['kind']:<13} {key['id']}  ends in {key['lastFour']}  {_key_state(key)}"
            f"  last used {key['lastUsedAt'] or 'never'}"
        )


@command.command()
@click.argument("name")
@click.option(
    "--overlap", type=Duration(), default="24h", show_default=True, help="How long the old secrets go on working."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(name: str, overlap: timedelta, *, as_json: bool) -> None:
    """Make new secrets; the old ones go on working for a while."""
    settings = Settings.from_environment()
    issued = open_clients(settings).rotate(name, overlap)
    _print_secrets(
        issued,
        settings,
        as_json=as_json,
        title=f"New secrets for {name}; the old ones end in {overlap.total_seconds() / 3600:g} hours.",
    )


@command.command()
@click.argument("name")
def consent(name: str) -> None:
    """Print a one-time code for the OAuth consent page of a client."""
    settings = Settings.from_environment()
    client = open_clients(settings).get(name)
    if client.revoked_at:
        raise ConfigurationError(f"Client {name!r} is revoked. Create another one.")
    require_method(client, "oauth", settings)
    if not client.redirect_uris:
        raise ConfigurationError(
            f"Client {name!r} has no redirect address, which the consent page needs to go back to."
        )
    one_time_secrets = OneTimeSecrets(open_database(settings), Pepper(settings.require_secret_key()))
    click.echo(one_time_secrets.make(CONSENT_CODE, client=client.id))
    click.echo(f"Paste it into the consent page of {name}. It works once, for ten minutes.", err=True)


@command.command()
@click.argument("name")
@click.option("--key", "key_id", help="Revoke only the key with this id.")
def revoke(name: str, key_id: str | None) -> None:
    """Revoke a client with all its keys, or one key."""
    open_clients(Settings.from_environment()).revoke(name, key_id)
    what = f"Key {key_id} of {name}" if key_id else f"Client {name}"
    click.echo(f"{what} is revoked. Running workers refuse it within {CACHE_SECONDS} seconds.")


def _print_secrets(issued: Issued, settings: Settings, *, as_json: bool, title: str) -> None:
    client = issued.client
    if as_json:
        secrets = {
            "name": client.name,
            "apiKey": issued.api_key,
            "clientId": client.client_id,
            "clientSecret": issued.client_secret,
        }
        click.echo(json.dumps(secrets, indent=2))
        return
    click.echo(title)
    click.echo("Keep these secrets now: they are shown this once.\n")
    click.echo(f"  API key        {issued.api_key}   (send it in the header {settings.api_key_header})")
    click.echo(f"  Client id      {client.client_id}")
    click.echo(f"  Client secret  {issued.client_secret}")
    click.echo(f"\n  May read       {_describe_grants(client)}")
    click.echo(f"  May use        {', '.join(client.auth_methods or settings.auth_methods)}")
    click.echo(f"  May call from  {', '.join(client.networks) or 'anywhere (limit it with --network)'}")
    click.echo(f"\nWhat to type into Pango's console: provider connect {client.name}")


def _describe_grants(client: Client) -> str:
    if client.grants is None:
        return "every dataset (limit it with --dataset)"
    return ", ".join(f"{name} ({', '.join(fields)})" if fields else name for name, fields in client.grants.items())


def _client_row(client: Client) -> dict[str, Any]:
    return {
        "name": client.name,
        "clientId": client.client_id,
        "envelope": client.envelope,
        "datasets": client.grants,
        "authMethods": client.auth_methods,
        "networks": client.networks,
        "redirectUris": client.redirect_uris,
        "createdAt": _iso(client.created_at),
        "revokedAt": _iso(client.revoked_at),
        "keys": [
            {
                "id": key.id,
                "kind": key.kind,
                "lastFour": key.last_four,
                "createdAt": _iso(key.created_at),
                "expiresAt": _iso(key.expires_at),
                "revokedAt": _iso(key.revoked_at),
                "lastUsedAt": _iso(key.last_used_at),
            }
            for key in client.credentials
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _key_state(key: dict[str, Any]) -> str:
    if key["revokedAt"]:
        return f"revoked {key['revokedAt']}"
    return f"until {key['expiresAt']}" if key["expiresAt"] else "live"
