"""`provider dataset`: what is served."""

import json
from typing import Any

import click

from provider.dataset import Dataset
from provider.dataset.discover import discover
from provider.settings import Settings


@click.group("dataset")
def command() -> None:
    """See the datasets."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> None:
    """List the datasets, what they are looked up by, and the file each comes from."""
    settings = Settings.from_environment()
    rows = [_row(dataset) for dataset in discover(settings.datasets).values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(f"No datasets in {settings.datasets}. The README shows how to write one.")
        return
    for row in rows:
        click.echo(f"{click.style(row['name'], bold=True)}  {row['description']}")
        click.echo(f"    looked up by {', '.join(row['identifiers'])}")
        if row["parameters"]:
            click.echo(f"    parameters   {', '.join(row['parameters'])}")
        click.echo(f"    file         {row['file']}")


def _row(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "identifiers": list(dataset.identifiers),
        "parameters": list(dataset.own_parameters),
        "file": dataset.where,
        "description": dataset.description,
    }
