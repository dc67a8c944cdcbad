"""`provider push --dry-run`: the first request as it would be sent."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from provider.cli.push.options import mask_secrets
from provider.errors import ConfigurationError
from provider.ingestion.pango.pango_client import PangoClient
from provider.ingestion.push.batches import SourceRecord, group_records


def show_first_request(
    client: PangoClient,
    records: Iterable[SourceRecord],
    object_type: str,
    request: Mapping[str, Any],
    callback: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """Print the first request, byte by byte, with secrets masked; ConfigurationError when there is nothing to send."""
    first = next((group.entries[0] for group in group_records(records, object_type) if group.entries), None)
    if first is None:
        raise ConfigurationError("There is no record that could be sent.")
    members = {"objectType": object_type, **request["members"], **mask_secrets(callback)}
    prepared = client.prepare(first.payload, members, init_data=request["initData"])
    body = prepared.body.decode()
    if as_json:
        head = {"method": prepared.method, "url": prepared.url, "headers": prepared.shown()}
        click.echo(json.dumps({**head, "body": json.loads(body)}, ensure_ascii=False))
        return
    click.echo(f"{prepared.method} {prepared.url}")
    for name, value in prepared.shown().items():
        click.echo(f"{name}: {value}")
    click.echo(f"\n{body}")
