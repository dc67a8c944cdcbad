"""What `provider dataset doctor` prints: the reports, for a person or as JSON."""

import json
from dataclasses import asdict
from typing import Any

import click

from provider.assist.doctor.dry_run import DryRun
from provider.assist.doctor.findings import ERROR, OK, WARNING
from provider.assist.doctor.report import Report

_COLOURS = {OK: "green", WARNING: "yellow", ERROR: "red"}


def print_reports(reports: list[Report], package: str, *, as_json: bool) -> None:
    """Print the reports on the datasets of a package."""
    if as_json:
        click.echo(json.dumps([_as_json(report) for report in reports], indent=2, ensure_ascii=False))
        return
    if not reports:
        click.echo(f"No datasets in {package}. `provider dataset new` writes one.")
    for report in reports:
        click.echo(f"{click.style(report.dataset or 'a broken file', bold=True)}  {report.file}")
        for finding in report.findings:
            click.echo(f"  {click.style(f'{finding.level:<8}', fg=_COLOURS[finding.level])} {finding.message}")
            if finding.advice:
                click.echo(f"           {finding.advice}")
            if finding.sql:
                click.echo(f"             {finding.sql}")
        if report.dry_run:
            _print_dry_run(report.dry_run)
        click.echo()
    errors, warnings = (sum(report.count(level) for report in reports) for level in (ERROR, WARNING))
    click.echo(f"{_plural(errors, 'error')}, {_plural(warnings, 'warning')}.")


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "dataset": report.dataset,
        "file": report.file,
        "errors": report.count(ERROR),
        "warnings": report.count(WARNING),
        "findings": [asdict(finding) for finding in report.findings],
        "dryRun": report.dry_run and asdict(report.dry_run),
    }


def _print_dry_run(dry_run: DryRun) -> None:
    outcome = "found" if dry_run.found else "nobody found"
    click.echo(f"  dry run  by {', '.join(dry_run.asked)}: {outcome} in {dry_run.milliseconds:g} ms")
    width = max(map(len, dry_run.fields), default=0)
    for name, it in dry_run.fields.items():
        click.echo(f"           {name:<{width}}  {it['type']:<8} {it['value']}")


def _plural(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
