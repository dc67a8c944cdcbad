"""Mapping: whether what a dataset names is there, in the database's own eyes, without stopping at the first fault."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import FromClause, literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from provider.assist.doctor.examination import Patient
from provider.assist.doctor.findings import ERROR, OK, WARNING, Finding
from provider.assist.inspection.column_meaning import likely_secret
from provider.assist.inspection.sampling import schemas_with, suggestion, tables, why
from provider.database.sources import Source, Sources
from provider.database.statements import Statement
from provider.dataset.columns import Column, Field
from provider.dataset.lookup_statement import LookupStatement, Rules
from provider.dataset.table import TableDataset
from provider.errors import ConfigurationError, SourceUnavailable, Timeout


def check_mapping(dataset: TableDataset, sources: Sources, findings: list[Finding], *, region: str) -> Patient | None:
    """Compare what a dataset names with what there is; give what is sound of it, None when nothing can be asked."""
    return _Mapping(dataset, findings, region).check(sources)


class _Mapping:
    """The examination of what a dataset names, one thing after the other."""

    def __init__(self, dataset: TableDataset, findings: list[Finding], region: str) -> None:
        self.dataset, self.findings, self.region = dataset, findings, region
        self.fields = {name: it for name, it in dataset.record.items() if isinstance(it, Field)}
        self.identifiers: dict[str, Column] = dict(dataset.columns)
        self.rules = dataset.rules

    def check(self, sources: Sources) -> Patient | None:
        """Check the mapping; give what is sound of it."""
        source = self._connect(sources)
        chosen = self._describe(source) if source else None
        if source is None or chosen is None:
            return None
        self._columns(chosen)
        probe = self._wording(source, chosen)
        if probe is None:
            return None
        return Patient(
            source=source,
            chosen=chosen,
            probe=probe,
            table_name=self.dataset.table_name,
            fields=self.fields,
            identifiers=self.identifiers,
            rules=self.rules,
            region=self.region,
            findings=self.findings,
        )

    def _say(self, level: str, check: str, message: str, advice: str = "") -> None:
        self.findings.append(Finding(level, check, message, advice))

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

    def _wording(self, source: Source, chosen: FromClause) -> LookupStatement | None:
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
                source.check(*probe.for_check())
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

    def _probe(
        self, source: Source, chosen: FromClause, identifiers: Mapping[str, Column], rules: Rules
    ) -> LookupStatement:
        return LookupStatement(source.engine.dialect, chosen, fields=self.fields, identifiers=identifiers, rules=rules)
