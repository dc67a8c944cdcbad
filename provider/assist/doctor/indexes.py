"""Indexing: whether an index serves each lookup of a dataset, and which one to ask for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from provider.assist.doctor.examination import PROBE_EMAIL, Patient, nobody, probe_phone
from provider.assist.doctor.findings import OK, WARNING, Finding
from provider.assist.doctor.query_plans import Target, advise, explain, target
from provider.assist.doctor.view_columns import origin
from provider.assist.inspection.sampling import why
from provider.dataset.base import Query
from provider.errors import SourceUnavailable, Timeout

_CROWD = 100
"""Rows of one person from which on an index had better cover the fixed conditions too."""


def check_indexes(patient: Patient) -> None:
    """Explain the lookup by each identifier, and by phone and email together."""
    targets: dict[str, Target] = {}
    served: set[str] = set()
    for key, stored in patient.identifiers.items():
        try:
            query, shown = nobody(patient.probe, key, region=patient.region)
            column = patient.chosen.columns.get(stored.name)
            found = None if column is None else origin(patient.source, patient.chosen, column)
            through = found is not None and found.table != patient.table_name
            targets[key] = target(patient.source, found, stored, shown, through_view=through)
            used, values = patient.probe.bind(query)
            served |= explain(patient.source, patient.probe.prepared(used), values, {key: targets[key]})
            if key in served:
                patient.say(OK, "index", f"a lookup by {key} uses an index")
            else:
                _unserved(patient, key, targets[key])
        except (SQLAlchemyError, patient.source.engine.dialect.loaded_dbapi.Error) as error:
            patient.say(WARNING, "index", f"the lookup by {key} cannot be explained: {why(error)}")
    if {"phone", "email"} <= served:
        _together(patient, targets)


def _unserved(patient: Patient, key: str, target: Target) -> None:
    if target.leads:
        patient.say(
            WARNING, "index", f"a lookup by {key} does not use the index its column has.",
            "Have the database's administrator bring its statistics up to date (ANALYZE).",
        )  # fmt: skip
        return
    advice, sql = advise(patient.source, target, _crowding(patient, key))
    message = f"no index serves a lookup by {key}: each one reads the whole table."
    patient.findings.append(Finding(WARNING, "index", message, advice, sql))


def _crowding(patient: Patient, key: str) -> list[str]:
    """Name the fixed conditions' columns, where one person has so many rows that an index had better cover them."""
    fixed = [name for name, value in patient.rules.where.items() if value is not None and not _is_several(value)]
    if not fixed or patient.table_name is None:
        return []
    if any(
        getattr(origin(patient.source, patient.chosen, patient.chosen.columns[it]), "table", "") != patient.table_name
        for it in fixed
    ):
        return []
    people = patient.some(key)
    try:
        counted = patient.count(key, people, ())
    except (Timeout, SourceUnavailable):
        return []
    return fixed if max(counted.values(), default=0) >= _CROWD else []


def _together(patient: Patient, targets: Mapping[str, Target]) -> None:
    used, values = patient.probe.bind(Query(phone=probe_phone(patient.region), email=PROBE_EMAIL))
    both = {key: targets[key] for key in ("phone", "email")}
    try:
        served = explain(patient.source, patient.probe.prepared(used), values, both)
    except (SQLAlchemyError, patient.source.engine.dialect.loaded_dbapi.Error) as error:
        patient.say(WARNING, "index", f"the lookup by phone and email cannot be explained: {why(error)}")
        return
    if set(both) <= served or (patient.rules.match == "all" and served):
        patient.say(OK, "index", "a lookup by phone and email together uses them")
    else:
        patient.say(
            WARNING,
            "index",
            "a lookup by phone and email together reads the whole table, though each has an index.",
            "Declare match='first': it looks by one after the other." if patient.rules.match != "first" else "",
        )


def _is_several(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))
