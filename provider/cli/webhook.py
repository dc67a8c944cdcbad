"""`provider webhook`: the webhooks Pango sent, and whether they were handled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from provider.ingestion.inbound.webhooks import STATES, Inbox
from provider.settings import Settings
from provider.store.provider_database import migrated_database
from provider.store.push_tables import Webhook


@contextmanager
def _open_inbox() -> Iterator[Inbox]:
    """Open the inbox of the provider database, which must be up to date."""
    with migrated_database(Settings.from_environment()) as engine:
        yield Inbox(engine)


_webhook_id = click.argument("number", metavar="ID", type=click.IntRange(1, 2**63 - 1))


@click.group("webhook")
def command() -> None:
    """List received webhooks, show one, try one again."""


@command.command("list")
@click.option("--name", help="Only webhooks of this name.")
@click.option("--state", type=click.Choice(STATES), help="Only webhooks in this state.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, name: str | None, state: str | None, as_json: bool) -> None:
    """List the webhooks, oldest first, without their payloads."""
    with _open_inbox() as inbox:
        webhooks = inbox.list(name=name, state=state)
    if as_json:
        click.echo(json.dumps([_webhook_row(webhook) for webhook in webhooks], indent=2))
        return
    if not webhooks:
        click.echo("No such webhooks.")
    for webhook in webhooks:
        received = webhook.received_at.isoformat()
        line = f"{webhook.id:<8} {webhook.name:<24} {webhook.state:<8} {webhook.attempts:>2} attempts  {received}"
        click.echo(f"{line}  {webhook.message}" if webhook.message else line)


@command.command()
@_webhook_id
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(number: int, *, as_json: bool) -> None:
    """Show a webhook with its payload, which may hold personal data."""
    with _open_inbox() as inbox:
        webhook = inbox.get(number)
    row = _webhook_row(webhook) | {"payload": json.loads(webhook.payload) if webhook.payload else None}
    if as_json:
        click.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return
    for name, value in row.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        click.echo(f"{name:<12}{'' if shown is None else shown}")
    if not webhook.payload:
        click.echo("It was handled, and its payload was deleted.")


@command.command()
@_webhook_id
def retry(number: int) -> None:
    """Hand a webhook to its handler again, as soon as a worker is free."""
    with _open_inbox() as inbox:
        inbox.retry(number)
    click.echo(f"Webhook {number} is due now; a running service handles it within seconds.")


def _webhook_row(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "state": webhook.state,
        "attempts": webhook.attempts,
        "client": webhook.client,
        "receivedAt": webhook.received_at.isoformat(),
        "message": webhook.message,
    }
