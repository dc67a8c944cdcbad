"""The dry run: one real lookup in a dataset, its record shown masked."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provider.assist.doctor.findings import ERROR, WARNING, Findings
from provider.assist.doctor.queries import UNKNOWN_CODE, UNKNOWN_EMAIL, query_by, unknown_phone
from provider.assist.inspection.value_meaning import masked
from provider.dataset.base import Dataset, Query
from provider.dataset.table import TableDataset
from provider.errors import Ambiguous, NotFound, ProviderError

Understand = Callable[[Dataset, Mapping[str, object]], Query]
"""Makes a query of raw parameters, as a lookup does."""

_KINDS = {bool: "boolean", int: "integer", float: "number", str: "text"}


@dataclass
class DryRun:
    """One real lookup: the parameters it was asked with, whether it found somebody, and the record.

    `fields` gives of each field of the record the `type` and the `value`, masked.
    """

    asked: Sequence[str]
    milliseconds: float
    found: bool
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def try_lookup(
    dataset: Dataset, raw: Mapping[str, str], whose: str, understand: Understand, findings: Findings
) -> DryRun | None:
    """Run one lookup; None when it fails, which is reported. `whose` says where its parameters come from."""
    asked = [name for name in raw if name in (*dataset.identifiers, *dataset.own_parameters)]
    began = time.perf_counter()
    try:
        query = understand(dataset, raw)
        found = dataset.fetch(query)
        if isinstance(dataset, TableDataset):  # the first lookup also connects: time a second one
            began = time.perf_counter()
            found = dataset.fetch(query)
        record = {} if found is None else dataset.answer(found)
    except Exception as error:  # noqa: BLE001 -- a dataset's own code may raise anything
        _report_failure(findings, error, whose)
        return None
    dry_run = DryRun(asked, round((time.perf_counter() - began) * 1000, 2), found is not None, _masked(record))
    if found is None:
        _report_failure(findings, NotFound(), whose)
    elif not record:
        findings.add(WARNING, "dry-run", f"the record of {whose} is empty: every field is null.")
    elif undeclared := _undeclared(dataset, found):
        what = ", ".join(sorted(map(str, undeclared)))
        findings.add(WARNING, "record", f"fetch gives {what}, which the record does not declare: left out.")
    return dry_run


def try_unknown_person(dataset: TableDataset, findings: Findings, *, region: str) -> None:
    """Look up an unknown person, to see whether the lookup works at all."""
    values = {"phone": unknown_phone(region).e164, "email": UNKNOWN_EMAIL}
    key = dataset.identifiers[0]
    try:
        dataset.fetch(query_by(key, values.get(key, UNKNOWN_CODE), region=region))
    except Ambiguous:
        return
    except ProviderError as error:
        _report_failure(findings, error, f"an unknown {key}")


def _undeclared(dataset: Dataset, found: Mapping[str, Any]) -> set[str]:
    if isinstance(dataset, TableDataset) or dataset.record_schema is None:
        return set()
    return set(found) - {it.attribute or name for name, it in dataset.record_schema.dump_fields.items()}


def _report_failure(findings: Findings, error: Exception, whose: str) -> None:
    match error:
        case NotFound():
            findings.add(WARNING, "dry-run", f"nobody matches {whose}.")
        case Ambiguous():
            findings.add(
                WARNING,
                "dry-run",
                f"several rows match {whose}: callers get Ambiguous.",
                "Declare newest_by=, the date by which the newest row counts.",
            )
        case ProviderError():
            findings.add(ERROR, "dry-run", f"the lookup by {whose} fails: {error.code}, {error.message}")
        case _:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            # Without the error's text, which may quote personal data.
            what = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
            findings.add(ERROR, "dry-run", f"the lookup by {whose} fails: {what}.")


def _masked(record: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Give of each field its type and its value, masked; of a list the total and the first item."""
    if isinstance(record.get("items"), list):
        first = _masked(record["items"][0]) if record["items"] else {}
        total = {"type": "integer", "value": str(record["total"])}
        return {"total": total, **{f"items[0].{name}": it for name, it in first.items()}}
    return {
        name: {
            "type": _KINDS.get(type(value), "text"),
            "value": str(value).lower() if isinstance(value, bool) else masked(value),
        }
        for name, value in record.items()
    }
