"""The doctor: does a dataset fit the real database, who will not be found, and which index is missing."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from marshmallow import fields as schema_fields
from sqlalchemy.exc import SAWarning

from provider.assist.doctor.declared_columns import check_mapping
from provider.assist.doctor.dry_run import DryRun, Understand, try_lookup, try_nobody
from provider.assist.doctor.findings import ERROR, OK, WARNING, Finding
from provider.assist.doctor.indexes import check_indexes
from provider.assist.doctor.row_checks import check_rows
from provider.assist.inspection.sampling import why
from provider.database.sources import Sources
from provider.dataset.base import Dataset
from provider.dataset.table import TableDataset
from provider.errors import ConfigurationError, SourceUnavailable, Timeout

_NESTED = (schema_fields.Nested, schema_fields.List, schema_fields.Dict, schema_fields.Mapping)


@dataclass
class Report:
    """What the doctor found about one dataset, and its dry run."""

    dataset: str
    file: str
    findings: list[Finding] = field(default_factory=list)
    dry_run: DryRun | None = None

    def count(self, level: str) -> int:
        """Count the findings of a level."""
        return sum(finding.level == level for finding in self.findings)


def examine(
    dataset: Dataset,
    sources: Sources,
    *,
    understand: Understand,
    region: str = "VN",
    given: Mapping[str, str] | None = None,
) -> Report:
    """Check a dataset against its database, read only. `given` are the parameters of the dry run.

    `understand` makes a query of raw parameters, as a lookup does. Nothing is raised for what is found.
    """
    report = Report(dataset.name, dataset.declared_at)
    findings = report.findings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of a type or an index that SQLAlchemy does not know
        if isinstance(dataset, TableDataset):
            met = _check_table(dataset, sources, report, region)
        else:
            _check_plain(dataset, findings)
            met = {} if _prepare(dataset, sources, report) else None
        if met is None:
            return report
        raw = dict(given or dataset.example or met)
        if raw:
            whose = "the given parameters" if given else "the example" if dataset.example else "somebody of the sample"
            report.dry_run = try_lookup(dataset, raw, whose, understand, findings)
        else:
            if isinstance(dataset, TableDataset):
                try_nobody(dataset, findings, region=region)
            advice = "Give --phone or --email, or declare example=."
            findings.append(Finding(WARNING, "dry-run", "nobody to try a lookup with.", advice))
    return report


def _check_table(dataset: TableDataset, sources: Sources, report: Report, region: str) -> dict[str, str] | None:
    """Check a table's dataset; give somebody whom a lookup should find, None when there is no use in trying one."""
    patient = check_mapping(dataset, sources, report.findings, region=region)
    prepared = not report.count(ERROR) and _prepare(dataset, sources, report)
    if patient is None:
        return None
    if prepared:
        patient.say(OK, "mapping", f"every column it names is there, {len(patient.fields)} of them shown")
    check_rows(patient)
    check_indexes(patient)
    if not prepared:
        return None
    return next(({key: it[0]} for key, it in patient.found.items() if it), {})


def _prepare(dataset: Dataset, sources: Sources, report: Report) -> bool:
    try:
        dataset.prepare(sources)
    except ConfigurationError as error:
        reason = str(error).removeprefix(f"{dataset.declared_at}: ")
        report.findings.append(Finding(ERROR, "prepare", f"it cannot be prepared: {reason}"))
        return False
    except (SourceUnavailable, Timeout) as error:
        report.findings.append(Finding(ERROR, "prepare", f"it cannot be prepared: {why(error)}"))
        return False
    return True


def _check_plain(dataset: Dataset, findings: list[Finding]) -> None:
    """Check what a dataset in plain Python declares, as far as it goes."""
    record = dataset.record_schema
    nested = [name for name, it in record.dump_fields.items() if isinstance(it, _NESTED)] if record else []
    findings += [
        Finding(WARNING, "record", f"{name} is nested: a record is flat, and it is shown as JSON text.")
        for name in nested
    ]
    if record is not None and not record.dump_fields:
        findings.append(Finding(ERROR, "record", "its record schema declares no field, so that nothing is shown."))
    missing = [name for name, needed in dataset.own_parameters.items() if needed and name not in dataset.example]
    if dataset.example and missing:
        findings.append(
            Finding(WARNING, "example", f"its example has no {', '.join(missing)}, which is required: complete it.")
        )
