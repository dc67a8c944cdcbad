"""The doctor's report on a dataset: all checks, one after the other, and a dry run."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from marshmallow import fields as schema_fields
from sqlalchemy.exc import SAWarning

from provider.assist.doctor.declared_columns import check_declared
from provider.assist.doctor.dry_run import DryRun, ParseQuery, try_lookup, try_unknown_person
from provider.assist.doctor.findings import ERROR, OK, WARNING, Findings
from provider.assist.doctor.indexes import check_indexes
from provider.assist.doctor.row_checks import check_rows
from provider.assist.inspection.catalogue import error_reason
from provider.database.sources import Sources
from provider.dataset.base import Dataset
from provider.dataset.table import TableDataset
from provider.errors import ConfigurationError, SourceUnavailable, Timeout

_NESTED = (schema_fields.Nested, schema_fields.List, schema_fields.Dict, schema_fields.Mapping)


@dataclass
class Report:
    """The findings about one dataset, and its dry run; `file` is where the dataset is declared."""

    dataset: str
    file: str
    findings: Findings = field(default_factory=Findings)
    dry_run: DryRun | None = None

    def count(self, level: str) -> int:
        """Count the findings of a level."""
        return sum(finding.level == level for finding in self.findings)


def examine(
    dataset: Dataset,
    sources: Sources,
    *,
    parse_query: ParseQuery,
    region: str = "VN",
    given: Mapping[str, str] | None = None,
) -> Report:
    """Check a dataset against its database, read only. What is wrong is reported, not raised.

    `given` are the parameters of the dry run; without them it takes the dataset's example, or somebody of the sample.
    """
    report = Report(dataset.name, dataset.declared_at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of a type or an index that SQLAlchemy does not know
        if isinstance(dataset, TableDataset):
            person = _check_table(dataset, sources, report, region)
        else:
            _check_plain(dataset, report.findings)
            person = {} if _prepare(dataset, sources, report.findings) else None
        if person is not None:
            _run_dry(dataset, report, parse_query, region, given or {}, person)
    return report


def _check_table(dataset: TableDataset, sources: Sources, report: Report, region: str) -> dict[str, str] | None:
    """Check a table's dataset; give somebody whom a lookup should find, None when no lookup can be tried."""
    findings = report.findings
    examination = check_declared(dataset, sources, findings, region=region)
    prepared = not report.count(ERROR) and _prepare(dataset, sources, findings)
    if examination is None:
        return None
    if prepared:
        findings.add(OK, "mapping", f"every column it names is there, {len(examination.fields)} of them shown")
    check_rows(examination)
    check_indexes(examination)
    if not prepared:
        return None
    return next(({key: people[0]} for key, people in examination.found.items() if people), {})


def _check_plain(dataset: Dataset, findings: Findings) -> None:
    """Check what a dataset in plain Python declares: its record, and that its example is complete."""
    record = dataset.record_schema
    for name, it in record.dump_fields.items() if record else ():
        if isinstance(it, _NESTED):
            findings.add(WARNING, "record", f"{name} is nested: a record is flat, and it is shown as JSON text.")
    if record is not None and not record.dump_fields:
        findings.add(ERROR, "record", "its record schema declares no field, so that nothing is shown.")
    missing = [name for name, needed in dataset.own_parameters.items() if needed and name not in dataset.example]
    if dataset.example and missing:
        message = f"its example has no {', '.join(missing)}, which is required: complete it."
        findings.add(WARNING, "example", message)


def _prepare(dataset: Dataset, sources: Sources, findings: Findings) -> bool:
    """Prepare a dataset as the service does; False when it cannot be, which is reported."""
    try:
        dataset.prepare(sources)
    except ConfigurationError as error:
        reason = str(error).removeprefix(f"{dataset.declared_at}: ")
        findings.add(ERROR, "prepare", f"it cannot be prepared: {reason}")
    except (SourceUnavailable, Timeout) as error:
        findings.add(ERROR, "prepare", f"it cannot be prepared: {error_reason(error)}")
    else:
        return True
    return False


def _run_dry(
    dataset: Dataset,
    report: Report,
    parse_query: ParseQuery,
    region: str,
    given: Mapping[str, str],
    person: Mapping[str, str],
) -> None:
    if raw := given or dataset.example or person:
        whose = "the given parameters" if given else "the example" if dataset.example else "somebody of the sample"
        report.dry_run = try_lookup(dataset, raw, whose, parse_query, report.findings)
        return
    if isinstance(dataset, TableDataset):
        try_unknown_person(dataset, report.findings, region=region)
    advice = "Give --phone or --email, or declare example=."
    report.findings.add(WARNING, "dry-run", "nobody to try a lookup with.", advice)
