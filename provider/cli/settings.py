"""`provider settings`: every setting, its meaning and its value."""

import json
from collections.abc import Mapping
from typing import Any

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from provider.settings import Settings, describe, variable


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, as_json: bool) -> None:
    """Print every setting with its meaning and value. Secrets are hidden."""
    settings = Settings.from_environment()
    rows = [
        {
            "setting": variable(field.name),
            "value": _shown(field.name, getattr(settings, field.name)),
            "meaning": field.metadata["meaning"],
        }
        for field in describe()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{click.style(row['setting'], bold=True)} = {row['value'] or '(empty)'}\n    {row['meaning']}")


def _shown(name: str, value: Any) -> str:
    """Write a value the way it is set, without what must stay secret."""
    match name:
        case "secret_key":
            return "(set)" if value else "(not set: run provider init)"
        case "pango_api_key" | "pango_group_key" | "pango_refresh_token" | "callback_api_keys":
            value = "***" if value else ""
        case "database_url" | "redis_url":
            return _without_password(value) if value else ""
        case "required_headers":
            return ",".join(f"{header}=***" for header in value)
        case "sources":
            return ", ".join(f"{source}: {_without_password(url)}" for source, url in value.items())
    if isinstance(value, Mapping):
        return ",".join(f"{key}={member}" for key, member in value.items())
    return ",".join(value) if isinstance(value, (list, tuple)) else str(value)


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a database address)"
