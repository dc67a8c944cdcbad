"""`provider dataset doctor`: the reports, for a person or as JSON."""

import json
from dataclasses import asdict
from typing import Any

import click

from provider.assist.doctor.dry_run import DryRun
from provider.assist.doctor.findings import ERROR, OK, WARNING
from provider.assist.doctor.report import Report

_COLOURS = {OK: "green", WARNING: "yellow", ERROR: "red"}


def show_reports(reports: list[Report], package: str, *, as_json: bool) -> None:
    """Print what was found in the datasets of a package."""
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
    tried = report.dry_run
    return {
        "dataset": report.dataset,
        "file": report.file,
        "errors": report.count(ERROR),
        "warnings": report.count(WARNING),
        "findings": [asdict(finding) for finding in report.findings],
        "dryRun": tried
        and {
            "asked": list(tried.asked),
            "found": tried.found,
            "milliseconds": tried.milliseconds,
            "fields": {name: {"type": kind, "value": value} for name, (kind, value) in tried.fields.items()},
        },
    }


def _print_dry_run(tried: DryRun) -> None:
    outcome = "found" if tried.found else "nobody found"
    click.echo(f"  dry run  by {', '.join(tried.asked)}: {outcome} in {tried.milliseconds:g} ms")
    width = max(map(len, tried.fields), default=0)
    for name, (kind, value) in tried.fields.items():
        click.echo(f"           {name:<{width}}  {kind:<8} {value}")


def _plural(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
