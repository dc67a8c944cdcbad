"""`provider dataset`: list what is served, write a file for a table, check datasets on the real database."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

import click

from provider.assist.doctor.findings import ERROR
from provider.assist.doctor.report import Report, examine
from provider.assist.inspection.catalogue import error_reason, suggest_table
from provider.assist.scaffold.dataset_file import write_dataset
from provider.assist.scaffold.roles import ChosenColumns
from provider.cli.dataset.doctor_report import print_reports
from provider.cli.dataset.new_file import name_file, relative_path, write_file
from provider.database.sources import Source, Sources
from provider.dataset import Dataset, TableDataset
from provider.dataset.builtin import built_in, served
from provider.dataset.discover import attempt
from provider.errors import ConfigurationError, SourceUnavailable, Timeout
from provider.lookup import understand
from provider.settings import Settings


@click.group("dataset")
def command() -> None:
    """See the datasets, draft one from a table, check them against the real database."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> None:
    """List the datasets, what they are looked up by, and the file each comes from, if it is not built in."""
    settings = Settings.from_environment()
    rows = [_as_json(dataset) for dataset in served(settings.datasets).values()]
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


def _as_json(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "identifiers": list(dataset.identifiers),
        "parameters": list(dataset.own_parameters),
        "file": dataset.declared_at,
        "description": dataset.description,
    }


@command.command("new")
@click.argument("name")
@click.option("--source", "source_name", required=True, help="The source: crm for PROVIDER_SOURCE_CRM_URL.")
@click.option("--table", required=True, help="A table or a view.")
@click.option("--schema", help="Where it is, when not in the usual schema.")
@click.option("--phone", metavar="COLUMN", help="The column of the phone, in place of a guess.")
@click.option("--email", metavar="COLUMN", help="The column of the email, in place of a guess.")
@click.option("--key", metavar="COLUMN", help="The column of a code of your own, in place of a guess.")
@click.option("--newest-by", metavar="COLUMN", help="The date by which the newest row counts, in place of a guess.")
def new(name: str, *, source_name: str, table: str, schema: str | None, **columns: str | None) -> None:
    """Write a dataset file for a table or view that exists. Never overwrites one.

    Columns are guessed from their names and from a sample of some hundred rows, which is only read. The record begins
    with what is certain to be harmless; the other columns are listed in the file, commented out.
    """
    settings = Settings.from_environment()
    file = name_file(settings, name)
    region, chosen = settings.phone_region, ChosenColumns(**columns)
    with closing(Sources.of(settings)) as sources:
        source = sources[source_name]
        try:
            _require_table(source, table, schema)
            written = write_dataset(source, name=name, table=table, schema=schema, region=region, chosen=chosen)
            write_file(file, written.text, sources)
        except (SourceUnavailable, Timeout) as error:
            raise ConfigurationError(
                f"source {source_name!r} does not answer ({error_reason(error)}). Nothing was written."
            ) from None
    click.echo(f"Wrote {relative_path(file)}")
    for what, found in written.found:
        click.echo(f"  {what:<12} {found}")
    label = click.style("warning     ", fg="yellow")
    for warning in written.warnings:
        click.echo(f"  {label} {warning}")
    click.echo(
        f"Next: read the file, uncomment in `record` what is to be shown, then `provider dataset doctor {name}`. "
        "A running service serves it after a restart."
    )


@command.command("doctor")
@click.argument("name", required=False)
@click.option("--phone", help="Try a lookup by this phone.")
@click.option("--email", help="Try a lookup by this email.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Any other parameter of the lookup.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(
    context: click.Context,
    name: str | None,
    *,
    phone: str | None,
    email: str | None,
    parameters: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check the datasets, or the one called NAME, against the real databases. Only reads.

    Compares a dataset with its table, samples some hundred rows for people that no lookup finds, asks the database
    whether an index serves each lookup, and runs one lookup. Values of people are masked. Ends with exit code 1 when
    there are errors.
    """
    settings = Settings.from_environment()
    given = _dry_run_parameters(phone, email, parameters)
    datasets, mistakes = attempt(settings.datasets)
    chosen = list(datasets.values()) if name is None else [_choose(name, datasets, mistakes)]
    region = settings.phone_region
    with closing(Sources.of(settings)) as sources:
        _prepare_all(datasets, sources)
        reports = [
            examine(
                dataset,
                sources,
                understand=partial(understand, region=region),
                region=region,
                given={key: value for key, value in given.items() if name or key in dataset.identifiers},
            )
            for dataset in chosen
        ]
    if name is None:
        reports += map(_report_broken_file, mistakes)
    print_reports(reports, settings.datasets, as_json=as_json)
    context.exit(1 if any(report.count(ERROR) for report in reports) else 0)


def _choose(name: str, datasets: Mapping[str, Dataset], mistakes: Sequence[ConfigurationError]) -> Dataset:
    """Find a dataset of the package or a built-in one; ConfigurationError when there is none."""
    known = datasets if name in datasets or mistakes else built_in()
    if name in known:
        return known[name]
    if mistakes:
        raise mistakes[0]
    names = (
        f"There are: {', '.join(datasets)}." if datasets else "There are none yet: `provider dataset new` writes one."
    )
    raise ConfigurationError(f"There is no dataset {name!r}. {names}")


def _prepare_all(datasets: dict[str, Dataset], sources: Sources) -> None:
    """Prepare all datasets that can be, as the service does: a dataset in plain Python may use another."""
    if all(isinstance(dataset, TableDataset) for dataset in datasets.values()):
        return
    for dataset in datasets.values():
        with suppress(ConfigurationError, SourceUnavailable):
            dataset.prepare(sources)


def _dry_run_parameters(phone: str | None, email: str | None, parameters: tuple[str, ...]) -> dict[str, str]:
    """Collect the parameters of the dry run; BadParameter when one is not NAME=VALUE."""
    given = {key: value for key, value in (("phone", phone), ("email", email)) if value}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise click.BadParameter(f"{parameter!r} is not NAME=VALUE.", param_hint="--param")
        given[key] = value
    return given


def _report_broken_file(mistake: ConfigurationError) -> Report:
    """Report a file that cannot be read; the message begins with its name."""
    report = Report("", str(mistake).partition(" ")[0].rstrip(":"))
    report.findings.add(ERROR, "file", str(mistake))
    return report


def _require_table(source: Source, table: str, schema: str | None) -> None:
    """Make sure that the table is there; ConfigurationError suggests another."""
    try:
        source.describe(table, schema)
    except ConfigurationError as error:
        if "has no table" not in str(error):
            raise
        raise ConfigurationError(f"{error} {suggest_table(source, table, schema, '--schema {}')}") from None
