"""Checks a sample of the rows: identifiers no lookup finds, values that are not shown, people in several rows."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, String, case, func, literal_column
from sqlalchemy.dialects.postgresql import CITEXT

from provider.assist.doctor.examination import Examination
from provider.assist.doctor.findings import ERROR, WARNING
from provider.assist.doctor.identifier_checks import StoredIdentifier, check_emails, check_phones
from provider.assist.doctor.value_checks import check_conversion, check_empty, check_newest, check_text
from provider.assist.inspection.sampling import SAMPLE, sample
from provider.assist.inspection.value_meaning import masked
from provider.dataset.conversion import Convert, base_type, driver_conversion
from provider.errors import SourceUnavailable, Timeout

_TRUE: ColumnElement[int] = literal_column("1")
_FALSE: ColumnElement[int] = literal_column("0")


@dataclass
class _SampledRows:
    """A sample of at least one row, by record field and by identifier."""

    fields: Mapping[str, tuple[Convert | None, Sequence[Any]]]
    identifiers: Mapping[str, Sequence[StoredIdentifier]]
    newest: Sequence[Any]


def check_rows(examination: Examination) -> None:
    """Sample the rows; report people that no lookup finds and values that are not shown."""
    sampled = _sample(examination)
    if sampled is None:
        return
    _check_identifiers(examination, sampled)
    _check_texts(examination, sampled)
    for name, it in examination.fields.items():
        driver, values = sampled.fields[name]
        check_empty(name, it, values, examination.findings)
        check_conversion(name, it, driver, values, examination.findings)
    rules = examination.rules
    if rules.newest_by:
        check_newest(rules.newest_by, sampled.newest, examination.findings)
    elif rules.several == "error" and not rules.limit:
        _check_duplicates(examination)


def _sample(examination: Examination) -> _SampledRows | None:
    """Read a sample; None when there are no rows, or when they cannot be read, which is reported."""
    findings, conditions = examination.findings, examination.statement.conditions
    wanted = _columns_to_sample(examination)
    try:
        description, rows = sample(examination.source, examination.chosen, wanted, where=conditions)
    except Timeout:
        findings.add(WARNING, "sample", f"{SAMPLE} rows could not be read in time: the rows were not checked.")
    except (SourceUnavailable, UnicodeError) as error:
        what = type(error if isinstance(error, UnicodeError) else error.__cause__).__name__
        findings.add(
            ERROR,
            "sample",
            f"its rows cannot be read: {what}.",
            "Its text may have another encoding than the one it declares.",
        )
    else:
        if rows:
            return _by_name(examination, description, rows)
        _report_no_rows(examination)
    return None


def _columns_to_sample(examination: Examination) -> list[ColumnElement[Any]]:
    """List the fields' columns, three for each identifier, and newest_by, in this order."""
    columns, newest_by = examination.chosen.columns, examination.rules.newest_by
    return [
        *(columns[it.column] for it in examination.fields.values()),
        *(it for key in examination.identifiers for it in _with_equalities(examination.statement.compared[key])),
        *([columns[newest_by]] if newest_by else []),
    ]


def _by_name(examination: Examination, description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> _SampledRows:
    """Take the sampled columns apart, in the order of `_columns_to_sample`."""
    columns, dialect = examination.chosen.columns, examination.source.engine.dialect
    values = iter(zip(*rows, strict=True))
    fields = {
        name: (driver_conversion(columns[it.column].type, dialect, described[1]), next(values))
        for (name, it), described in zip(examination.fields.items(), description, strict=False)
    }
    identifiers = {
        key: [
            StoredIdentifier(value, equals_lower=lower != 0, equals_trimmed=trimmed == 1)
            for value, lower, trimmed in zip(next(values), next(values), next(values), strict=True)
        ]
        for key in examination.identifiers
    }
    return _SampledRows(fields, identifiers, next(values, ()))


def _with_equalities(column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Select a value, and whether the database treats it as equal to its lower case and without blanks at its end."""
    kind = base_type(column)
    if not isinstance(kind, String) or isinstance(kind, CITEXT):  # lower() of a CITEXT is text, which has case
        return [column, _TRUE, _FALSE]
    lower, trimmed = (case((column == it, _TRUE), else_=_FALSE) for it in (func.lower(column), func.rtrim(column)))
    return [column, lower, trimmed]


def _report_no_rows(examination: Examination) -> None:
    if examination.rules.where:
        rows: Sequence[Any] = ()
        with suppress(Timeout, SourceUnavailable):
            _, rows = sample(examination.source, examination.chosen, [_TRUE], most=1)
        if rows:
            message = "no row satisfies where=: nobody will be found."
            examination.findings.add(WARNING, "where", message, "Correct the values.")
            return
    examination.findings.add(WARNING, "rows", "it has no rows: nothing about them could be checked.")


def _check_identifiers(examination: Examination, sampled: _SampledRows) -> None:
    findings, found = examination.findings, examination.found
    for key, values in sampled.identifiers.items():
        column = examination.identifiers[key]
        if key == "phone":
            forms_of = partial(examination.forms, key)
            found[key] = check_phones(values, column, forms_of, findings, region=examination.region)
        elif key == "email":
            found[key] = check_emails(values, column, findings)
        else:
            found[key] = [str(it.compared) for it in values if it.value is not None and str(it.value).strip()]
        if all(it.value is None or it.value == "" for it in values):
            message = f"identifier {key} ({column.name}) is null in all {len(values)} sampled rows."
            findings.add(WARNING, "null", message)


def _check_texts(examination: Examination, sampled: _SampledRows) -> None:
    """Check the text of each column once, even if it is both an identifier's and a field's."""
    columns = examination.chosen.columns
    texts: dict[str, Sequence[Any]] = {
        it.name: [stored.value for stored in sampled.identifiers[key]] for key, it in examination.identifiers.items()
    }
    texts |= {it.column: sampled.fields[name][1] for name, it in examination.fields.items()}
    for name, values in texts.items():
        if name in columns:  # an identifier with an expression may name anything
            check_text(name, columns[name].type, values, examination.findings)


def _check_duplicates(examination: Examination) -> None:
    """Ask for sampled people again, to see who is in several rows."""
    for key in examination.identifiers:
        people = examination.sampled_people(key)
        try:
            counted = examination.count_rows(key, people, examination.statement.conditions)
        except (Timeout, SourceUnavailable):
            continue  # without an index it may take too long, and the missing index is reported
        several = {person: count for person, count in counted.items() if count > 1}
        if several:
            # The dry run looks up somebody who is in one row.
            examination.found[key] = [person for person in examination.found[key] if person not in several]
            person, most = max(several.items(), key=lambda it: it[1])
            examination.findings.add(
                WARNING,
                "duplicates",
                f"by {key}, {len(several)} of {len(people)} sampled people are in several rows (up to {most}, "
                f"like {masked(person)}): callers get Ambiguous.",
                "Declare newest_by=, the date by which the newest row counts, or several='first'.",
            )
