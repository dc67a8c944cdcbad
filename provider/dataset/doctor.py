"""The doctor: does a dataset fit the real database, who will not be found, and which index is missing."""

import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow import fields as schema_fields
from sqlalchemy import ColumnElement, FromClause, String, Uuid, case, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from provider.contract.identity import canonical_email, canonical_phone
from provider.database import Statement
from provider.dataset.base import Dataset, Query
from provider.dataset.columns import Column, Field
from provider.dataset.guess import likely_secret, masked
from provider.dataset.lineage import origin
from provider.dataset.plans import Target, advise, explain, target
from provider.dataset.rows import SAMPLE, kind_of, sample, schemas_with, suggestion, tables, why
from provider.dataset.symptoms import (
    ERROR,
    OK,
    WARNING,
    Compared,
    Finding,
    emails,
    empty,
    inconvertible,
    newest,
    phones,
    undecodable,
)
from provider.dataset.table import TableDataset
from provider.dataset.values import Convert, driver_conversion
from provider.dataset.wording import Rules, Wording
from provider.errors import Ambiguous, ConfigurationError, NotFound, ProviderError, SourceUnavailable, Timeout
from provider.sources import Source, Sources

Understand = Callable[[Dataset, Mapping[str, object]], Query]

_PROBE_PHONE = canonical_phone("+84359677657")
_PROBE_EMAIL = "dee@bytetech.io"
_PROBE_DIGITS = "735912684"
_PROBE_CODES = (_PROBE_DIGITS, f"00000000-0000-4000-8000-000{_PROBE_DIGITS}")
_ASKED_AGAIN = 100
"""Sampled people who are asked for again, to see whether they stand in several rows."""

_CROWD = 100
"""Rows of one person from which on an index had better cover the fixed conditions too."""

_MOST_ROWS = 5000
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "text"}


@dataclass
class DryRun:
    """One real lookup: what was asked for, how long it took, and the record, masked."""

    asked: Sequence[str]
    milliseconds: float
    found: bool
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)


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
    report = Report(dataset.name, dataset.where)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of a type or an index that SQLAlchemy does not know
        _examine(dataset, sources, report, understand, region, given)
    return report


def _examine(
    dataset: Dataset, sources: Sources, report: Report, understand: Understand, region: str, given: Any
) -> None:
    examination = _Table(dataset, report, region) if isinstance(dataset, TableDataset) else _Plain(dataset, report)
    if examination.check(sources):
        _try(dataset, report, examination, understand, given)


class _Plain:
    """A dataset in plain Python, checked as far as it goes."""

    met: Mapping[str, str] = {}

    def __init__(self, dataset: Dataset, report: Report) -> None:
        self.dataset, self.report = dataset, report

    def check(self, sources: Sources) -> bool:
        """Check what is declared; False when there is no use in trying a lookup."""
        findings = self.report.findings
        record = self.dataset.record_schema
        nested = [name for name, it in record.dump_fields.items() if isinstance(it, _NESTED)] if record else []
        findings += [
            Finding(WARNING, "record", f"{name} is nested: a record is flat, and it is shown as JSON text.")
            for name in nested
        ]
        if record is not None and not record.dump_fields:
            findings.append(Finding(ERROR, "record", "its record schema declares no field, so that nothing is shown."))
        if missing := [name for name, needed in self.dataset.own_parameters.items() if needed and self._lacks(name)]:
            findings.append(
                Finding(WARNING, "example", f"its example has no {', '.join(missing)}, which is required: complete it.")
            )
        try:
            self.dataset.prepare(sources)
        except (ConfigurationError, SourceUnavailable) as error:
            findings.append(Finding(ERROR, "prepare", f"it cannot be prepared: {error}"))
            return False
        return True

    def try_nobody(self) -> list[Finding]:
        """Make nothing up: what its own code does with parameters is not known."""
        return []

    def _lacks(self, name: str) -> bool:
        return bool(self.dataset.example) and name not in self.dataset.example


_NESTED = (schema_fields.Nested, schema_fields.List, schema_fields.Dict, schema_fields.Mapping)


def _try(dataset: Dataset, report: Report, examination: "_Plain | _Table", understand: Understand, given: Any) -> None:
    """Run one lookup, by what was given, the dataset's example, or somebody of the sample."""
    raw = dict(given or dataset.example or examination.met)
    whose = "the given parameters" if given else "the example" if dataset.example else "somebody of the sample"
    if not raw:
        report.findings += examination.try_nobody()
        report.findings.append(
            Finding(WARNING, "dry-run", "nobody to try a lookup with.", "Give --phone or --email, or declare example=.")
        )
        return
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
        report.findings.append(_failure(error, whose))
        return
    report.dry_run = DryRun(asked, round((time.perf_counter() - began) * 1000, 2), found is not None, _masked(record))
    if found is None:
        report.findings.append(_failure(NotFound(), whose))
    elif not record:
        report.findings.append(Finding(WARNING, "dry-run", f"the record of {whose} is empty: every field is null."))
    elif isinstance(found, Mapping) and (undeclared := _undeclared(dataset, found)):
        what = ", ".join(sorted(map(str, undeclared)))
        report.findings.append(
            Finding(WARNING, "record", f"fetch gives {what}, which the record does not declare: left out.")
        )


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


class _Probe(Wording):
    """The wording of a dataset's lookup, opened for the doctor."""

    def compared(self, key: str) -> ColumnElement[Any]:
        """Give what an identifier is compared with, before small letters are made of it."""
        return self._compared[key]

    def forms(self, key: str, query: Query) -> list[Any]:
        """List the values an identifier of a query is compared with."""
        _, values = self.arrange(query)
        return [values[name] for name in self._parameters[key] if name in values]

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Give the fixed conditions."""
        return self._where


@dataclass
class _Sampled:
    """What was read of the table, by record field and by identifier."""

    fields: Mapping[str, tuple[Convert | None, Sequence[Any]]]
    identifiers: Mapping[str, Sequence[Compared]]
    newest: Sequence[Any]
    rows: int


class _Table:
    """A dataset over a table, a view or a selection."""

    def __init__(self, dataset: TableDataset, report: Report, region: str) -> None:
        self.dataset, self.report, self.region = dataset, report, region
        self.fields = {name: it for name, it in dataset.record.items() if isinstance(it, Field)}
        self.identifiers: dict[str, Column] = dict(dataset.columns)
        self.rules = dataset.rules
        self.found: dict[str, Sequence[str]] = {}

    @property
    def met(self) -> dict[str, str]:
        """Somebody of the sample whom a lookup should find."""
        return next(({key: it[0]} for key, it in self.found.items() if it), {})

    def check(self, sources: Sources) -> bool:
        """Check the mapping, the rows and the indexes; False when there is no use in trying a lookup."""
        source = self._connect(sources)
        chosen = self._describe(source) if source else None
        if source is None or chosen is None:
            return False
        self._columns(chosen)
        probe = self._wording(source, chosen)
        prepared = self._prepare(sources)
        if prepared:
            self._say(OK, "mapping", f"every column it names is there, {len(self.fields)} of them shown")
        if probe is not None:
            sampled = self._sample(source, chosen, probe)
            if sampled is not None:
                self._rows(source, chosen, probe, sampled)
            self._indexes(source, chosen, probe)
        return prepared

    def _say(self, level: str, check: str, message: str, advice: str = "") -> None:
        self.report.findings.append(Finding(level, check, message, advice))

    def try_nobody(self) -> list[Finding]:
        """Look up somebody who is hardly there, to see whether there is an answer at all."""
        sent = {"phone": _PROBE_PHONE.e164, "email": _PROBE_EMAIL}
        key = next(iter(self.identifiers))
        try:
            self.dataset.fetch(_query(key, sent.get(key, _PROBE_DIGITS)))
        except ProviderError as error:
            return [] if isinstance(error, Ambiguous) else [_failure(error, f"a {key} of nobody's")]
        return []

    # The mapping

    def _connect(self, sources: Sources) -> Source | None:
        try:
            source = sources[self.dataset.source_name]
        except ConfigurationError as error:
            self._say(ERROR, "source", str(error))
            return None
        try:
            with source.engine.connect() as connection:
                version = ".".join(map(str, connection.dialect.server_version_info or ()))
        except (SQLAlchemyError, source.engine.dialect.loaded_dbapi.Error, OSError) as error:
            self._say(ERROR, "source", f"source {source.name} does not answer: {why(error)}")
            return None
        dialect: Any = source.engine.dialect
        kind = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
        self._say(OK, "source", f"source {source.name} answers ({kind} {version})")
        return source

    def _describe(self, source: Source) -> FromClause | None:
        dataset = self.dataset
        try:
            chosen = dataset.chosen(source)
        except ConfigurationError as error:
            elsewhere = schemas_with(source, str(dataset.table_name)) if "has no table" in str(error) else []
            known = tables(source, dataset.schema)
            hint = (
                f"It is in another schema: declare schema={elsewhere[0]!r}."
                if elsewhere
                else suggestion(str(dataset.table_name), known, "table")
            )
            self._say(ERROR, "table", str(error), hint)
            return None
        except (SourceUnavailable, Timeout) as error:
            self._say(ERROR, "table", f"the table cannot be described: {why(error)}")
            return None
        return chosen

    def _columns(self, chosen: FromClause) -> None:
        """Find the columns that are not there, all of them, and go on without them."""
        known = list(chosen.columns.keys())
        where = f"table {self.dataset.table_name}" if self.dataset.table_name else "the selection"

        def missing(column: str, role: str) -> bool:
            if column in known:
                return False
            self._say(
                ERROR, "column", f"{role} names {column!r}, which {where} does not have.",
                suggestion(column, known, "column"),
            )  # fmt: skip
            return True

        self.identifiers = {
            key: it
            for key, it in self.identifiers.items()
            if it.expression is not None or not missing(it.name, f"identifier {key}")
        }
        self.fields = {name: it for name, it in self.fields.items() if not missing(it.column, f"record field {name}")}
        rules = self.rules
        if rules.newest_by and missing(rules.newest_by, "newest_by"):
            rules = replace(rules, newest_by=None, several="first")
        conditions = {name: it for name, it in rules.where.items() if not missing(name, "where")}
        self.rules = replace(rules, where=conditions)
        for name, it in self.fields.items():
            if likely_secret(it.column) and it.mask != "hide":
                self._say(
                    WARNING, "record", f"record field {name} shows {it.column!r}, which looks like a secret.",
                    "Take it out of the record.",
                )  # fmt: skip

    def _wording(self, source: Source, chosen: FromClause) -> _Probe | None:
        """Write the lookup of what is left, identifier by identifier, leaving out what the database refuses."""
        if not self._accepted(source, chosen, {}, replace(self.rules, where={}), "the record"):
            return None
        if not self._accepted(source, chosen, {}, self.rules, "where"):
            self.rules = replace(self.rules, where={})
        self.identifiers = {
            key: it
            for key, it in self.identifiers.items()
            if self._accepted(source, chosen, {key: it}, self.rules, f"identifier {key}")
        }
        if not self.identifiers:
            return None
        return self._probe(source, chosen, self.identifiers, self.rules)

    def _accepted(
        self, source: Source, chosen: FromClause, identifiers: Mapping[str, Column], rules: Rules, what: str
    ) -> bool:
        dialect = source.engine.dialect
        try:
            probe = self._probe(source, chosen, identifiers, rules)
            if identifiers:
                source.check(*probe.trial())
            else:
                nothing = select(*probe.columns, literal_column("1").label("one")).select_from(chosen)
                source.check(Statement(nothing.where(*probe.conditions, literal_column("0") == 1), dialect), {})
        except ConfigurationError as error:
            self._say(ERROR, "statement", f"{what}: {error}")
            return False
        except (SourceUnavailable, Timeout) as error:
            self._say(ERROR, "statement", f"{what} cannot be tried: {why(error)}")
            return False
        return True

    def _probe(self, source: Source, chosen: FromClause, identifiers: Mapping[str, Column], rules: Rules) -> _Probe:
        return _Probe(source.engine.dialect, chosen, fields=self.fields, identifiers=identifiers, rules=rules)

    def _prepare(self, sources: Sources) -> bool:
        try:
            self.dataset.prepare(sources)
        except ConfigurationError as error:
            if not self.report.count(ERROR):
                self._say(ERROR, "prepare", str(error).removeprefix(f"{self.dataset.where}: "))
            return False
        except (SourceUnavailable, Timeout) as error:
            if not self.report.count(ERROR):
                self._say(ERROR, "prepare", f"it cannot be prepared: {why(error)}")
            return False
        return True

    # The rows

    def _sample(self, source: Source, chosen: FromClause, probe: _Probe) -> _Sampled | None:
        wanted: list[ColumnElement[Any]] = [chosen.columns[it.column] for it in self.fields.values()]
        for key in self.identifiers:
            wanted += _compared(probe.compared(key))
        if self.rules.newest_by:
            wanted.append(chosen.columns[self.rules.newest_by])
        try:
            description, rows = sample(source, chosen, wanted, where=probe.conditions)
        except Timeout:
            self._say(WARNING, "sample", f"{SAMPLE} rows could not be read in time: the rows were not checked.")
            return None
        except (SourceUnavailable, UnicodeError) as error:
            what = type(error if isinstance(error, UnicodeError) else error.__cause__).__name__
            self._say(ERROR, "sample", f"its rows cannot be read: {what}.", "Text in it may not be what it says it is.")
            return None
        if not rows:
            self._no_rows(source, chosen)
            return None
        values = list(zip(*rows, strict=True))
        dialect = source.engine.dialect
        fields = {
            name: (driver_conversion(chosen.columns[it.column].type, dialect, description[at][1]), values[at])
            for at, (name, it) in enumerate(self.fields.items())
        }
        identifiers, at = {}, len(fields)
        for key in self.identifiers:
            identifiers[key] = [
                Compared(value, lowered=lowered != 0, trimmed=trimmed == 1)
                for value, lowered, trimmed in zip(values[at], values[at + 1], values[at + 2], strict=True)
            ]
            at += 3
        return _Sampled(fields, identifiers, values[at] if self.rules.newest_by else (), len(rows))

    def _no_rows(self, source: Source, chosen: FromClause) -> None:
        if self.rules.where:
            _, rows = sample(source, chosen, [literal_column("1")], most=1)
            if rows:
                self._say(WARNING, "where", "no row satisfies where=: nobody will be found.", "Correct the values.")
                return
        self._say(WARNING, "rows", "it has no rows: nothing about them could be checked.")

    def _rows(self, source: Source, chosen: FromClause, probe: _Probe, sampled: _Sampled) -> None:
        findings = self.report.findings
        for key, values in sampled.identifiers.items():
            stored = self.identifiers[key]
            if key == "phone":
                said, met = phones(
                    values, stored, lambda it: probe.forms("phone", _query("phone", it)), region=self.region
                )
                findings += said
                self.found[key] = met.found
            elif key == "email":
                said, met = emails(values, stored)
                findings += said
                self.found[key] = met.found
            else:
                self.found[key] = [str(it.seen) for it in values if it.value is not None and str(it.value).strip()]
            if all(it.value is None or it.value == "" for it in values):
                self._say(
                    WARNING, "null", f"identifier {key} ({stored.name}) is null in all {len(values)} sampled rows."
                )
        texts = {it.name: [one.value for one in sampled.identifiers[key]] for key, it in self.identifiers.items()}
        texts |= {it.column: [*sampled.fields[name][1]] for name, it in self.fields.items()}
        for column, held in texts.items():
            if column in chosen.columns:
                findings += undecodable(column, chosen.columns[column].type, held)
        for name, it in self.fields.items():
            driver, values_held = sampled.fields[name]
            findings += empty(name, it, values_held)
            findings += inconvertible(name, it, driver, values_held)
        if self.rules.newest_by:
            findings += newest(self.rules.newest_by, sampled.newest)
        elif self.rules.several == "error" and not self.rules.limit:
            self._duplicates(source, chosen, probe)

    def _duplicates(self, source: Source, chosen: FromClause, probe: _Probe) -> None:
        """Ask again for people of the sample, to see who stands in several rows."""
        for key in self.identifiers:
            people = list(dict.fromkeys(self.found.get(key, ())))[:_ASKED_AGAIN]
            try:
                counted = self._count(source, chosen, probe, key, people, probe.conditions)
            except (Timeout, SourceUnavailable):
                continue  # without an index that may take too long; the missing index is what is said
            several = {person: count for person, count in counted.items() if count > 1}
            if several:
                # The dry run is of somebody who stands in one.
                self.found[key] = [person for person in self.found[key] if person not in several]
                person, most = max(several.items(), key=lambda it: it[1])
                self._say(
                    WARNING,
                    "duplicates",
                    f"by {key}, {len(several)} of {len(people)} sampled people are in several rows (up to {most}, "
                    f"like {masked(person)}): callers get Ambiguous.",
                    "Declare newest_by=, the date by which the newest row counts, or several='first'.",
                )

    def _count(
        self,
        source: Source,
        chosen: FromClause,
        probe: _Probe,
        key: str,
        people: Sequence[str],
        where: Sequence[ColumnElement[bool]],
    ) -> Counter[str]:
        """Count the rows of people, in whatever form they stand there."""
        meant = {str(form): it for it in people for form in probe.forms(key, _query(key, it))}
        if not meant or isinstance(kind_of(probe.compared(key)), Uuid):
            return Counter()
        compared, forms = probe.compared(key), [form for it in people for form in probe.forms(key, _query(key, it))]
        if self.identifiers[key].case_insensitive:
            compared = func.lower(compared)
        wanted = (
            select(compared.label("v0"))
            .select_from(chosen)
            .where(compared.in_([literal(form) for form in forms]), *where)
        )
        statement = Statement(wanted.limit(_MOST_ROWS), source.engine.dialect)
        _, rows = source.fetch(statement, {}, _MOST_ROWS)
        folded = {form.casefold(): it for form, it in meant.items()}
        held = [meant.get(str(value)) or folded.get(str(value).strip().casefold()) for (value,) in rows]
        return Counter([it for it in held if it is not None])

    # The indexes

    def _indexes(self, source: Source, chosen: FromClause, probe: _Probe) -> None:
        targets: dict[str, Target] = {}
        served: set[str] = set()
        for key, stored in self.identifiers.items():
            try:
                query, shown = _probing(probe, key)
                column = chosen.columns.get(stored.name)
                found = None if column is None else origin(source, chosen, column)
                through = found is not None and found.table != self.dataset.table_name
                targets[key] = target(source, found, stored, shown, through_view=through)
                used, values = probe.arrange(query)
                served |= explain(source, probe.statement(used), values, {key: targets[key]})
            except (SQLAlchemyError, source.engine.dialect.loaded_dbapi.Error) as error:
                self._say(WARNING, "index", f"the lookup by {key} cannot be explained: {why(error)}")
                targets.pop(key, None)
                continue
            if key in served:
                self._say(OK, "index", f"a lookup by {key} uses an index")
            else:
                self._unserved(source, chosen, probe, key, targets[key])
        if {"phone", "email"} <= served:
            self._together(source, probe, targets)

    def _unserved(self, source: Source, chosen: FromClause, probe: _Probe, key: str, target: Target) -> None:
        if target.leads:
            self._say(
                WARNING, "index", f"a lookup by {key} does not use the index its column has.",
                "Have the database's administrator bring its statistics up to date (ANALYZE).",
            )  # fmt: skip
            return
        advice, sql = advise(source, target, self._crowding(source, chosen, probe, key))
        message = f"no index serves a lookup by {key}: each one reads the whole table."
        self.report.findings.append(Finding(WARNING, "index", message, advice, sql))

    def _crowding(self, source: Source, chosen: FromClause, probe: _Probe, key: str) -> list[str]:
        """Name the fixed conditions' columns, where one person has so many rows that an index had better cover them."""
        fixed = [name for name, value in self.rules.where.items() if value is not None and not _is_several(value)]
        if not fixed or self.dataset.table_name is None:
            return []
        if any(
            getattr(origin(source, chosen, chosen.columns[it]), "table", "") != self.dataset.table_name for it in fixed
        ):
            return []
        people = list(dict.fromkeys(self.found.get(key, ())))[:_ASKED_AGAIN]
        try:
            counted = self._count(source, chosen, probe, key, people, ())
        except (Timeout, SourceUnavailable):
            return []
        return fixed if max(counted.values(), default=0) >= _CROWD else []

    def _together(self, source: Source, probe: _Probe, targets: Mapping[str, Target]) -> None:
        used, values = probe.arrange(Query(phone=_PROBE_PHONE, email=_PROBE_EMAIL))
        both = {key: targets[key] for key in ("phone", "email")}
        try:
            served = explain(source, probe.statement(used), values, both)
        except (SQLAlchemyError, source.engine.dialect.loaded_dbapi.Error) as error:
            self._say(WARNING, "index", f"the lookup by phone and email cannot be explained: {why(error)}")
            return
        if set(both) <= served or (self.rules.match == "all" and served):
            self._say(OK, "index", "a lookup by phone and email together uses them")
        else:
            self._say(
                WARNING,
                "index",
                "a lookup by phone and email together reads the whole table, though each has an index.",
                "Declare match='first': it looks by one after the other." if self.rules.match != "first" else "",
            )


def _compared(column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Ask for a value as it is compared, and whether the database minds capitals and blanks at its end."""
    one: ColumnElement[int] = literal_column("1")
    none: ColumnElement[int] = literal_column("0")
    if not isinstance(kind_of(column), String):
        return [column, one, none]
    if isinstance(kind_of(column), CITEXT):
        return [column, one, none]  # lower() would make text of it, which minds capitals
    lowered = case((column == func.lower(column), one), else_=none)
    return [column, lowered, case((column == func.rtrim(column), one), else_=none)]


def _probing(probe: _Probe, key: str) -> tuple[Query, str]:
    """Make a query of nobody in particular, and what of it a plan shows."""
    if key == "phone":
        return Query(phone=_PROBE_PHONE), _PROBE_PHONE.international.removeprefix("84")
    if key == "email":
        return Query(email=_PROBE_EMAIL), _PROBE_EMAIL
    queries = [Query(identifiers={key: code}) for code in _PROBE_CODES]
    return next((query for query in queries if probe.arrange(query)[0]), queries[-1]), _PROBE_DIGITS


def _query(key: str, value: str) -> Query:
    if key == "phone":
        return Query(phone=canonical_phone(value))
    if key == "email":
        return Query(email=canonical_email(value))
    return Query(identifiers={key: value})


def _is_several(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))
