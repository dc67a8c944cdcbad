"""Checks what a dataset declares: its source, table and columns exist, and the database accepts its SQL."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import FromClause, literal_column, text
from sqlalchemy.exc import SQLAlchemyError

from provider.assist.doctor.examination import Examination
from provider.assist.doctor.findings import ERROR, OK, WARNING, Findings
from provider.assist.inspection.catalogue import error_reason, suggest, suggest_table
from provider.assist.inspection.column_meaning import likely_secret
from provider.database.sources import Source, Sources
from provider.database.statements import Statement
from provider.dataset.columns import Column, Field
from provider.dataset.lookup_statement import Rules
from provider.dataset.table import TableDataset
from provider.errors import ConfigurationError, SourceUnavailable, Timeout


def check_declared(dataset: TableDataset, sources: Sources, findings: Findings, *, region: str) -> Examination | None:
    """Compare a dataset with its table; report what is wrong and leave it out.

    Returns the examination of the rest, None when no lookup is possible.
    """
    source = _connect(dataset, sources, findings)
    chosen = _describe(dataset, source, findings) if source else None
    if source is None or chosen is None:
        return None
    examination = Examination(
        source=source,
        chosen=chosen,
        table_name=dataset.table_name,
        fields={name: it for name, it in dataset.record.items() if isinstance(it, Field)},
        identifiers=dataset.columns,
        rules=dataset.rules,
        region=region,
        findings=findings,
    )
    _drop_missing_columns(examination)
    _report_secrets(examination)
    _drop_refused_sql(examination)
    return examination if examination.identifiers else None


def _connect(dataset: TableDataset, sources: Sources, findings: Findings) -> Source | None:
    try:
        source = sources[dataset.source_name]
    except ConfigurationError as error:
        findings.add(ERROR, "source", str(error))
        return None
    dialect: Any = source.engine.dialect
    try:
        with source.engine.connect() as connection:
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
    except (SQLAlchemyError, dialect.loaded_dbapi.Error, OSError) as error:
        findings.add(ERROR, "source", f"source {source.name} does not answer: {error_reason(error)}")
        return None
    kind = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    findings.add(OK, "source", f"source {source.name} answers ({kind} {version})")
    return source


def _describe(dataset: TableDataset, source: Source, findings: Findings) -> FromClause | None:
    try:
        return dataset.chosen(source)
    except ConfigurationError as error:
        option = "another schema: declare schema={!r}"
        findings.add(ERROR, "table", str(error), suggest_table(source, str(dataset.table_name), dataset.schema, option))
    except (SourceUnavailable, Timeout) as error:
        findings.add(ERROR, "table", f"the table cannot be described: {error_reason(error)}")
    return None


def _drop_missing_columns(examination: Examination) -> None:
    """Report every column that is not there, and leave it out."""
    known = list(examination.chosen.columns.keys())
    where = f"table {examination.table_name}" if examination.table_name else "the selection"

    def is_missing(column: str, role: str) -> bool:
        if column in known:
            return False
        message = f"{role} names {column!r}, which {where} does not have."
        examination.findings.add(ERROR, "column", message, suggest(column, known, "column"))
        return True

    examination.identifiers = {
        key: it
        for key, it in examination.identifiers.items()
        if it.expression is not None or not is_missing(it.name, f"identifier {key}")
    }
    examination.fields = {
        name: it for name, it in examination.fields.items() if not is_missing(it.column, f"record field {name}")
    }
    rules = examination.rules
    if rules.newest_by and is_missing(rules.newest_by, "newest_by"):
        rules = replace(rules, newest_by=None, several="first")
    conditions = {name: it for name, it in rules.where.items() if not is_missing(name, "where")}
    examination.rules = replace(rules, where=conditions)


def _report_secrets(examination: Examination) -> None:
    for name, it in examination.fields.items():
        if likely_secret(it.column) and it.mask != "hide":
            message = f"record field {name} shows {it.column!r}, which looks like a secret."
            examination.findings.add(WARNING, "record", message, "Take it out of the record.")


def _drop_refused_sql(examination: Examination) -> None:
    """Report what the database refuses, part by part, and leave it out."""
    rules = examination.rules
    if not _accepts(examination, "the record", {}, replace(rules, where={})):
        examination.identifiers = {}
        return
    if rules.where and not _accepts(examination, "where", {}, rules):
        examination.rules = rules = replace(rules, where={})
    examination.identifiers = {
        key: it
        for key, it in examination.identifiers.items()
        if _accepts(examination, f"identifier {key}", {key: it}, rules)
    }


def _accepts(examination: Examination, part: str, identifiers: Mapping[str, Column], rules: Rules) -> bool:
    """Tell whether the database runs the lookup by these identifiers, or by none; report why not."""
    source = examination.source
    try:
        statement = examination.write_statement(identifiers, rules)
        if identifiers:
            source.check(*statement.for_check())
        else:
            no_row = statement.every_row().add_columns(literal_column("1").label("one")).where(text("0 = 1"))
            source.check(Statement(no_row, source.engine.dialect), {})
    except ConfigurationError as error:
        examination.findings.add(ERROR, "statement", f"{part}: {error}")
    except (SourceUnavailable, Timeout) as error:
        examination.findings.add(ERROR, "statement", f"{part} cannot be tried: {error_reason(error)}")
    else:
        return True
    return False
