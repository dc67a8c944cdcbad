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
from provider.records.importing.column_matching import guess
from provider.records.importing.file_columns import Columns, check_mapping, understand
from provider.records.importing.import_progress import Tally
from provider.records.importing.import_run import Importing, ReadAs
from provider.records.importing.mapping_file import read_mapping, write_mapping
from provider.records.importing.readers import Rows, read
from provider.records.importing.rejected_rows import rejected_path
from provider.settings import Settings
from provider.store.entity_tables import TABLES
from provider.store.partner_package import load_partner_fields
from provider.store.provider_database import migrated_database

Tell = Callable[[Rows, Tally], None]

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_FURTHEST = timedelta(hours=14)


class Zone(click.ParamType[tzinfo]):
    """A time zone: a name of the IANA's, or an offset from UTC."""

    name = "ZONE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        """Read a time zone."""
        if isinstance(value, tzinfo):
            return value
        if value in ("UTC", "GMT", "Z"):
            return UTC
        if match := _OFFSET.fullmatch(value):
            offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
            if offset <= _FURTHEST:
                return timezone(-offset if match[1] == "-" else offset)
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            self.fail("give a time zone like Asia/Ho_Chi_Minh or +07:00", param, ctx)


class TimeFormat(click.ParamType[str]):
    """How times are written, in the words of strptime."""

    name = "FORMAT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that times can be read by it."""
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
@click.option("--guess", "guesses", is_flag=True, help="Write FILE.mapping.toml with a guess, and import nothing.")
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
    guesses: bool,
    time_format: str | None,
    zone: tzinfo | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a file of records: CSV, JSON Lines or Excel. Again is harmless.

    A record replaces the one of the same key. Rows with mistakes go to FILE.rejected.csv, each with its reason. After
    an interruption, the same command goes on where it was.
    """
    settings = Settings.from_environment()
    load_partner_fields(settings.datasets)
    entity = _entity(object_type)
    check_region(settings.phone_region)
    if guesses:
        _guess(entity, file, settings)
        return
    mapping = read_mapping(mapping_file) if mapping_file else {}
    check_mapping(entity, mapping)
    with read(file) as rows:
        columns = understand(entity, rows.headers, mapping) if rows.headers is not None else Columns({}, [])
    read_as = ReadAs(region=settings.phone_region, mapping=mapping, time_format=time_format, zone=zone)
    with migrated_database(settings) as engine:
        importing = Importing(engine, entity, file, read_as, dry_run=dry_run)
        began = time.monotonic()
        with _telling() as tell:
            began_at = _run(importing, tell)
        seconds = time.monotonic() - began
    summary = _summary(importing, object_type, file, columns, began_at, seconds)
    if as_json:
        click.echo(json.dumps({**summary, "dryRun": dry_run}, ensure_ascii=False, indent=2))
    else:
        _print(summary, columns, dry_run=dry_run)


def _entity(object_type: str) -> Entity:
    if object_type not in TABLES:
        known = "has no table" if object_type in ENTITIES else "is no object type"
        raise ConfigurationError(f"{object_type!r} {known}. There are tables for: {', '.join(TABLES)}.")
    return ENTITIES[object_type]


def _guess(entity: Entity, file: Path, settings: Settings) -> None:
    with read(file) as rows:
        guesses, time_format = guess(entity, rows, region=settings.phone_region)
    target = file.with_name(f"{file.name}.mapping.toml")
    write_mapping(target, entity.object_type, guesses)
    click.echo(f"Wrote {target}")
    for header, (field, why) in guesses.items():
        click.echo(f"  {header} -> {field or '(left out)'}  {why}")
    command_line = ["provider", "import", entity.object_type, str(file), "--mapping", str(target)]
    if time_format:
        command_line += ["--time-format", time_format]
    click.echo(f"Next: read and correct it, then {shlex.join(command_line)}")


def _run(importing: Importing, tell: Tell) -> int:
    """Do it; give the row it began after. What ends it early says how to go on."""
    began_at: list[int] = []

    def listen(rows: Rows, tally: Tally) -> None:
        if not began_at:
            began_at.append(tally.position)
            if tally.position:
                click.echo(f"Continuing at row {tally.position + 1:,}.", err=True)
        tell(rows, tally)

    try:
        importing.run(listen)
    except KeyboardInterrupt:
        raise ConfigurationError(_stopped("Stopped", importing.tally)) from None
    except OperationalError as error:
        cause = type(error.orig or error).__name__
        raise ConfigurationError(
            _stopped(f"The provider database stopped answering ({cause})", importing.tally)
        ) from None
    return began_at[0] if began_at else 0


def _stopped(why: str, tally: Tally) -> str:
    return f"{why} after row {tally.position:,}. Run the same command again: it goes on from there."


@contextmanager
def _telling() -> Iterator[Tell]:
    """Show a bar with the records, their rate and the time left, if somebody is watching."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console  # noqa: PLC0415 -- only for a terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    began, first = time.monotonic(), None
    columns = (
        BarColumn(),
        TextColumn("{task.fields[read]:,} read, {task.fields[rejected]:,} rejected, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, read=0, rejected=0, rate=0)

        def tell(rows: Rows, tally: Tally) -> None:
            nonlocal first
            first = tally.read if first is None else first
            rate = (tally.read - first) / max(time.monotonic() - began, 0.001)
            progress.update(
                task, total=rows.size, completed=rows.position, read=tally.read, rejected=tally.rejected, rate=rate
            )

        yield tell


def _summary(
    importing: Importing, object_type: str, file: Path, columns: Columns, began_at: int, seconds: float
) -> dict[str, Any]:
    tally = importing.tally
    return {
        "objectType": object_type,
        "file": str(file),
        "read": tally.read,
        "stored": tally.stored,
        "rejected": tally.rejected,
        "reasons": _most_first(tally.reasons),
        "warnings": _most_first(tally.warnings),
        "leftOut": list(columns.left_out),
        "rejectedFile": str(rejected_path(file)) if tally.rejected_bytes else None,
        "continuedAt": began_at + 1 if began_at else None,
        "seconds": round(seconds, 3),
    }


def _most_first(said: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(said.items(), key=lambda kind: -kind[1]))


def _print(summary: Mapping[str, Any], columns: Columns, *, dry_run: bool) -> None:
    """Print the summary for a person."""
    stored = "good" if dry_run else "stored"
    click.echo(
        f"{summary['objectType']}: {summary['read']:,} read, {summary['stored']:,} {stored}, "
        f"{summary['rejected']:,} rejected, in {summary['seconds']:.1f} s"
    )
    mind = click.style("mind", fg="yellow")
    for header, close in columns.left_out.items():
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        click.echo(f"  {mind}  column {header!r} is no field, so it is left out.{meant}")
    for name in columns.missing:
        click.echo(f"  {mind}  no column is {name}, which every record needs.")
    if columns.left_out and summary["rejected"]:
        click.echo(f"  {mind}  for columns that are called otherwise, --guess writes a mapping.")
    for title in ("reasons", "warnings"):
        if summary[title]:
            click.echo("Rejected because" if title == "reasons" else "Warnings")
            for kind, number in summary[title].items():
                click.echo(f"  {number:>9,}  {kind}")
    if summary["rejectedFile"]:
        click.echo(f"The rejected rows are in {summary['rejectedFile']}: mend them there and import that file.")
    if dry_run:
        click.echo("Nothing was written: this was a dry run.")
