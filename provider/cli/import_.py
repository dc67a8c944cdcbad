"""`provider import`: a file of records into the service's own tables."""

import json
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.exc import OperationalError

from provider.contract.entities import ENTITIES, Entity
from provider.contract.identity import check_region
from provider.errors import ConfigurationError
from provider.records.importing.column_matching import guess_columns
from provider.records.importing.file_columns import UnmatchedColumns, check_mapping, match_columns
from provider.records.importing.import_progress import ImportCounts
from provider.records.importing.import_run import ImportOptions, ImportRun
from provider.records.importing.mapping_file import read_mapping, write_mapping
from provider.records.importing.readers import FileRows
from provider.records.importing.rejected_rows import rejected_path
from provider.settings import Settings
from provider.store.entity_tables import TABLES
from provider.store.partner_package import load_partner_fields
from provider.store.provider_database import migrated_database

Report = Callable[[FileRows, ImportCounts], None]

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_MAX_OFFSET = timedelta(hours=14)


class Zone(click.ParamType[tzinfo]):
    """A time zone: a name of the IANA database, or an offset from UTC."""

    name = "ZONE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """Read a time zone."""
        if isinstance(value, tzinfo):
            return value
        if value in ("UTC", "GMT", "Z"):
            return UTC
        if match := _OFFSET.fullmatch(value):
            offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
            if offset <= _MAX_OFFSET:
                return timezone(-offset if match[1] == "-" else offset)
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            self.fail("give a time zone like Asia/Ho_Chi_Minh or +07:00", param, ctx)


class TimeFormat(click.ParamType[str]):
    """How times are written: a format of strptime."""

    name = "FORMAT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that times can be read with the format."""
        try:
            datetime.strptime(datetime.now(UTC).strftime(value), value)  # noqa: DTZ007 -- only tried
        except ValueError:
            self.fail("write it like %d/%m/%Y %H:%M", param, ctx)
        return str(value)


@click.command("import")
@click.argument("object_type")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mapping", "mapping_file", type=click.Path(path_type=Path), help="A TOML file: which field a column means."
)
@click.option("--guess", "guess", is_flag=True, help="Write FILE.mapping.toml with a guess, and import nothing.")
@click.option(
    "--time-format", type=TimeFormat(), help="How times are written, like %d/%m/%Y %H:%M.  [default: ISO 8601]"
)
@click.option(
    "--zone",
    type=Zone(),
    help="Where times without an offset are from, like Asia/Ho_Chi_Minh or +07:00."
    "  [default: the row's timezoneGmt; else Viet Nam's, if PHONE_REGION is VN]",
)
@click.option("--dry-run", is_flag=True, help="Check every row and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    object_type: str,
    file: Path,
    *,
    mapping_file: Path | None,
    guess: bool,
    time_format: str | None,
    zone: tzinfo | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a file of records: CSV, JSON Lines or Excel. Safe to run again.

    A record replaces the one of the same key. Rows with mistakes go to FILE.rejected.csv, each with its reason. After
    an interruption, the same command continues where it stopped.
    """
    settings = Settings.from_environment()
    load_partner_fields(settings.datasets)
    entity = _entity(object_type)
    check_region(settings.phone_region)
    if guess:
        _write_guesses(entity, file, settings)
        return
    mapping = read_mapping(mapping_file) if mapping_file else {}
    check_mapping(entity, mapping)
    with FileRows(file) as rows:
        columns = match_columns(entity, rows.headers, mapping) if rows.headers is not None else UnmatchedColumns({}, [])
    options = ImportOptions(region=settings.phone_region, mapping=mapping, time_format=time_format, zone=zone)
    with migrated_database(settings) as engine:
        run = ImportRun(engine, entity, file, options, dry_run=dry_run)
        started = time.monotonic()
        with _progress_bar() as report:
            first_position = _run(run, report)
        seconds = time.monotonic() - started
    summary = _summarize(run.counts, object_type, file, columns, first_position, seconds)
    if as_json:
        click.echo(json.dumps({**summary, "dryRun": dry_run}, ensure_ascii=False, indent=2))
    else:
        _print_summary(summary, columns, dry_run=dry_run)


def _entity(object_type: str) -> Entity:
    if object_type not in TABLES:
        known = "has no table" if object_type in ENTITIES else "is no object type"
        raise ConfigurationError(f"{object_type!r} {known}. There are tables for: {', '.join(TABLES)}.")
    return ENTITIES[object_type]


def _write_guesses(entity: Entity, file: Path, settings: Settings) -> None:
    with FileRows(file) as rows:
        guesses, time_format = guess_columns(entity, rows, region=settings.phone_region)
    target = file.with_name(f"{file.name}.mapping.toml")
    write_mapping(target, entity.object_type, guesses)
    click.echo(f"Wrote {target}")
    for header, (field, why) in guesses.items():
        click.echo(f"  {header} -> {field or '(left out)'}  {why}")
    command_line = ["provider", "import", entity.object_type, str(file), "--mapping", str(target)]
    if time_format:
        command_line += ["--time-format", time_format]
    click.echo(f"Next: read and correct it, then {shlex.join(command_line)}")


def _run(run: ImportRun, report: Report) -> int:
    """Run the import; return the position it started after, 0 for the first row.

    ConfigurationError when it is interrupted: it says how to continue.
    """
    first: int | None = None

    def report_start(rows: FileRows, counts: ImportCounts) -> None:
        nonlocal first
        if first is None:
            first = counts.position
            if first:
                click.echo(f"Continuing at row {first + 1:,}.", err=True)
        report(rows, counts)

    try:
        run.run(report_start)
    except KeyboardInterrupt:
        raise _interrupted("Stopped", run.counts) from None
    except OperationalError as error:
        cause = type(error.orig or error).__name__
        raise _interrupted(f"The provider database stopped answering ({cause})", run.counts) from None
    return first or 0


def _interrupted(cause: str, counts: ImportCounts) -> ConfigurationError:
    return ConfigurationError(
        f"{cause} after row {counts.position:,}. Run the same command again: it goes on from there."
    )


@contextmanager
def _progress_bar() -> Iterator[Report]:
    """Show a bar with the records, their rate and the time left, if the output is a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415 -- only for a terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    started, first = time.monotonic(), None
    columns = (
        BarColumn(),
        TextColumn("{task.fields[read]:,} read, {task.fields[rejected]:,} rejected, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, read=0, rejected=0, rate=0)

        def report(rows: FileRows, counts: ImportCounts) -> None:
            nonlocal first
            first = counts.read if first is None else first
            rate = (counts.read - first) / max(time.monotonic() - started, 0.001)
            progress.update(
                task, total=rows.size, completed=rows.position, read=counts.read, rejected=counts.rejected, rate=rate
            )

        yield report


def _summarize(
    counts: ImportCounts, object_type: str, file: Path, columns: UnmatchedColumns, first_position: int, seconds: float
) -> dict[str, Any]:
    return {
        "objectType": object_type,
        "file": str(file),
        "read": counts.read,
        "stored": counts.stored,
        "rejected": counts.rejected,
        "reasons": _most_frequent_first(counts.reasons),
        "warnings": _most_frequent_first(counts.warnings),
        "leftOut": list(columns.left_out),
        "rejectedFile": str(rejected_path(file)) if counts.rejected_bytes else None,
        "continuedAt": first_position + 1 if first_position else None,
        "seconds": round(seconds, 3),
    }


def _most_frequent_first(messages: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(messages.items(), key=lambda message: -message[1]))


def _print_summary(summary: Mapping[str, Any], columns: UnmatchedColumns, *, dry_run: bool) -> None:
    stored = "good" if dry_run else "stored"
    click.echo(
        f"{summary['objectType']}: {summary['read']:,} read, {summary['stored']:,} {stored}, "
        f"{summary['rejected']:,} rejected, in {summary['seconds']:.1f} s"
    )
    warning = click.style("warning", fg="yellow")
    for header, close in columns.left_out.items():
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        click.echo(f"  {warning}  column {header!r} is no field, so it is left out.{meant}")
    for name in columns.missing:
        click.echo(f"  {warning}  no column is {name}, which every record needs.")
    if columns.left_out and summary["rejected"]:
        click.echo(f"  {warning}  for columns with other names, --guess writes a mapping.")
    for title, name in (("Rejected because", "reasons"), ("Warnings", "warnings")):
        if summary[name]:
            click.echo(title)
            for message, number in summary[name].items():
                click.echo(f"  {number:>9,}  {message}")
    if summary["rejectedFile"]:
        click.echo(f"The rejected rows are in {summary['rejectedFile']}: correct them there and import that file.")
    if dry_run:
        click.echo("Nothing was written: this was a dry run.")
