"""The trial: one real lookup, its record shown in part."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provider.assist.doctor.examination import PROBE_DIGITS, PROBE_EMAIL, probe_phone, query
from provider.assist.doctor.findings import ERROR, WARNING, Finding
from provider.assist.inspection.column_meaning import masked
from provider.dataset.base import Dataset, Query
from provider.dataset.table import TableDataset
from provider.errors import Ambiguous, NotFound, ProviderError

Understand = Callable[[Dataset, Mapping[str, object]], Query]

_KINDS = {bool: "boolean", int: "integer", float: "number", str: "text"}


@dataclass
class DryRun:
    """One real lookup: what was asked for, how long it took, and the record, masked."""

    asked: Sequence[str]
    milliseconds: float
    found: bool
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def try_lookup(
    dataset: Dataset, raw: Mapping[str, str], whose: str, understand: Understand, findings: list[Finding]
) -> DryRun | None:
    """Run one lookup; `whose` says where its parameters come from."""
    asked = [name for name in raw if name in (*dataset.identifiers, *dataset.own_parameters)]
    began = time.perf_counter()
    try:
        query = understand(dataset, raw)
        found = dataset.fetch(query)
        if isinstance(dataset, TableDataset):  # once more, as the first one connected
            began = time.perf_counter()
            found = dataset.fetch(query)
        record = {} if found is None else dataset.answer(found)
    except Exception as error:  # noqa: BLE001 -- a dataset's own code may raise anything
        findings.append(_failure(error, whose))
        return None
    tried = DryRun(asked, round((time.perf_counter() - began) * 1000, 2), found is not None, _masked(record))
    if found is None:
        findings.append(_failure(NotFound(), whose))
    elif not record:
        findings.append(Finding(WARNING, "dry-run", f"the record of {whose} is empty: every field is null."))
    elif isinstance(found, Mapping) and (undeclared := _undeclared(dataset, found)):
        what = ", ".join(sorted(map(str, undeclared)))
        findings.append(Finding(WARNING, "record", f"fetch gives {what}, which the record does not declare: left out."))
    return tried


def try_nobody(dataset: TableDataset, findings: list[Finding], *, region: str) -> None:
    """Look up somebody who is hardly there, to see whether there is an answer at all."""
    sent = {"phone": probe_phone(region).e164, "email": PROBE_EMAIL}
    key = dataset.identifiers[0]
    try:
        dataset.fetch(query(key, sent.get(key, PROBE_DIGITS), region=region))
    except Ambiguous:
        return
    except ProviderError as error:
        findings.append(_failure(error, f"a {key} of nobody's"))


def _undeclared(dataset: Dataset, found: Mapping[str, Any]) -> set[str]:
    if isinstance(dataset, TableDataset) or dataset.record_schema is None:
        return set()
    return set(found) - {it.attribute or name for name, it in dataset.record_schema.dump_fields.items()}


def _failure(error: Exception, whose: str) -> Finding:
    match error:
        case NotFound():
            return Finding(WARNING, "dry-run", f"nobody matches {whose}.")
        case Ambiguous():
            return Finding(
                WARNING,
                "dry-run",
                f"several rows match {whose}: callers get Ambiguous.",
                "Declare newest_by=, the date by which the newest row counts.",
            )
        case ProviderError():
            return Finding(ERROR, "dry-run", f"the lookup by {whose} fails: {error.code}, {error.message}")
        case _:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            # Not its text: it may quote what it stumbled over.
            what = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
            return Finding(ERROR, "dry-run", f"the lookup by {whose} fails: {what}.")


def _masked(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    if isinstance(record.get("items"), list):
        first = record["items"][0] if record["items"] else {}
        return {"total": ("integer", str(record["total"])), **{f"items[0].{k}": v for k, v in _masked(first).items()}}
    return {name: (_KINDS.get(type(value), "text"), _shown(value)) for name, value in record.items()}


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else masked(value)
