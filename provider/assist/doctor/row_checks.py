"""Health: what a sample of the rows tells about whom a dataset will find, and what it will show."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, case, func, literal_column
from sqlalchemy.dialects.postgresql import CITEXT

from provider.assist.doctor.examination import Patient
from provider.assist.doctor.findings import (
    ERROR,
    WARNING,
    Compared,
    emails,
    empty,
    inconvertible,
    newest,
    phones,
    undecodable,
)
from provider.assist.inspection.column_meaning import masked
from provider.assist.inspection.sampling import SAMPLE, sample
from provider.dataset.conversion import Convert, base_type, driver_conversion
from provider.errors import SourceUnavailable, Timeout


@dataclass
class _Sampled:
    """What was read of the table, by record field and by identifier."""

    fields: Mapping[str, tuple[Convert | None, Sequence[Any]]]
    identifiers: Mapping[str, Sequence[Compared]]
    newest: Sequence[Any]
    rows: int


def check_rows(patient: Patient) -> None:
    """Sample the rows, and look for people nobody will find and values nobody will see."""
    sampled = _sample(patient)
    if sampled is not None:
        _rows(patient, sampled)


def _sample(patient: Patient) -> _Sampled | None:
    wanted: list[ColumnElement[Any]] = [patient.chosen.columns[it.column] for it in patient.fields.values()]
    for key in patient.identifiers:
        wanted += _comparisons(patient.probe.compared[key])
    if patient.rules.newest_by:
        wanted.append(patient.chosen.columns[patient.rules.newest_by])
    try:
        description, rows = sample(patient.source, patient.chosen, wanted, where=patient.probe.conditions)
    except Timeout:
        patient.say(WARNING, "sample", f"{SAMPLE} rows could not be read in time: the rows were not checked.")
        return None
    except (SourceUnavailable, UnicodeError) as error:
        what = type(error if isinstance(error, UnicodeError) else error.__cause__).__name__
        patient.say(ERROR, "sample", f"its rows cannot be read: {what}.", "Text in it may not be what it says it is.")
        return None
    if not rows:
        _no_rows(patient)
        return None
    values = list(zip(*rows, strict=True))
    dialect = patient.source.engine.dialect
    fields = {
        name: (driver_conversion(patient.chosen.columns[it.column].type, dialect, description[at][1]), values[at])
        for at, (name, it) in enumerate(patient.fields.items())
    }
    identifiers, at = {}, len(fields)
    for key in patient.identifiers:
        identifiers[key] = [
            Compared(value, lowered=lowered != 0, trimmed=trimmed == 1)
            for value, lowered, trimmed in zip(values[at], values[at + 1], values[at + 2], strict=True)
        ]
        at += 3
    return _Sampled(fields, identifiers, values[at] if patient.rules.newest_by else (), len(rows))


def _no_rows(patient: Patient) -> None:
    if patient.rules.where:
        rows: Sequence[Any] = ()
        with suppress(Timeout, SourceUnavailable):
            _, rows = sample(patient.source, patient.chosen, [literal_column("1")], most=1)
        if rows:
            patient.say(WARNING, "where", "no row satisfies where=: nobody will be found.", "Correct the values.")
            return
    patient.say(WARNING, "rows", "it has no rows: nothing about them could be checked.")


def _rows(patient: Patient, sampled: _Sampled) -> None:
    findings = patient.findings
    for key, values in sampled.identifiers.items():
        stored = patient.identifiers[key]
        if key == "phone":
            said, met = phones(values, stored, patient.forms_of_phone, region=patient.region)
            findings += said
            patient.found[key] = met.found
        elif key == "email":
            said, met = emails(values, stored)
            findings += said
            patient.found[key] = met.found
        else:
            patient.found[key] = [str(it.seen) for it in values if it.value is not None and str(it.value).strip()]
        if all(it.value is None or it.value == "" for it in values):
            patient.say(WARNING, "null", f"identifier {key} ({stored.name}) is null in all {len(values)} sampled rows.")
    texts = {it.name: [one.value for one in sampled.identifiers[key]] for key, it in patient.identifiers.items()}
    texts |= {it.column: [*sampled.fields[name][1]] for name, it in patient.fields.items()}
    for column, held in texts.items():
        if column in patient.chosen.columns:
            findings += undecodable(column, patient.chosen.columns[column].type, held)
    for name, it in patient.fields.items():
        driver, values_held = sampled.fields[name]
        findings += empty(name, it, values_held)
        findings += inconvertible(name, it, driver, values_held)
    if patient.rules.newest_by:
        findings += newest(patient.rules.newest_by, sampled.newest)
    elif patient.rules.several == "error" and not patient.rules.limit:
        _duplicates(patient)


def _duplicates(patient: Patient) -> None:
    """Ask again for people of the sample, to see who stands in several rows."""
    for key in patient.identifiers:
        people = patient.some(key)
        try:
            counted = patient.count(key, people, patient.probe.conditions)
        except (Timeout, SourceUnavailable):
            continue  # without an index that may take too long; the missing index is what is said
        several = {person: count for person, count in counted.items() if count > 1}
        if several:
            # The dry run is of somebody who stands in one.
            patient.found[key] = [person for person in patient.found[key] if person not in several]
            person, most = max(several.items(), key=lambda it: it[1])
            patient.say(
                WARNING,
                "duplicates",
                f"by {key}, {len(several)} of {len(people)} sampled people are in several rows (up to {most}, "
                f"like {masked(person)}): callers get Ambiguous.",
                "Declare newest_by=, the date by which the newest row counts, or several='first'.",
            )


def _comparisons(column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Ask for a value as it is compared, and whether the database minds capitals and blanks at its end."""
    one: ColumnElement[int] = literal_column("1")
    none: ColumnElement[int] = literal_column("0")
    if not isinstance(base_type(column), String):
        return [column, one, none]
    if isinstance(base_type(column), CITEXT):
        return [column, one, none]  # lower() would make text of it, which minds capitals
    lowered = case((column == func.lower(column), one), else_=none)
    return [column, lowered, case((column == func.rtrim(column), one), else_=none)]
