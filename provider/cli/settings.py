"""`provider settings`: every setting, its meaning and its value."""

import json
from collections.abc import Mapping
from dataclasses import Field
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
            "value": _shown(field, getattr(settings, field.name)),
            "meaning": field.metadata["meaning"],
        }
        for field in describe()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{click.style(row['setting'], bold=True)} = {row['value'] or '(empty)'}\n    {row['meaning']}")


def _shown(field: Field[Any], value: Any) -> str:
    """Write a value the way it is set, without what must stay secret."""
    if field.name == "secret_key":
        return "(set)" if value else "(not set: run provider init)"
    if field.name == "sources":
        return ", ".join(f"{source}: {_without_password(url)}" for source, url in value.items())
    if value and field.metadata["secret"]:
        return _hidden(field.name, value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}={member}" for key, member in value.items())
    return ",".join(value) if isinstance(value, (list, tuple)) else str(value)


def _hidden(name: str, value: Any) -> str:
    """Write of a secret value what may be seen: a database's address without its password, the names of headers."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}=***" for key in value)
    return _without_password(value) if name.endswith("_url") else "***"


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a database address)"
