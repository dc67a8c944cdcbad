"""Plans: does an index serve a lookup, and which one to make when none does."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import Connection, Dialect, Index, Inspector, MetaData, String, Table, Text, inspect, text
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.schema import CreateIndex

from provider.assist.doctor.view_columns import Origin, rename
from provider.assist.inspection.column_meaning import words
from provider.database.sources import Source
from provider.database.statements import Statement
from provider.dataset.columns import Column

_GIVE = "Give this to the database's administrator:"
_LONGEST_INDEX_NAME = 60
_PREFIX_OF_TEXT = 64
_INSIDE = re.compile(r"\(([^()]*(?:<expr>)?[^()]*)\)\s*(?:LEFT-JOIN)?$")


@dataclass(frozen=True)
class Target:
    """What an index has to serve: an identifier's column, where it can be told, and a value the plan shows."""

    origin: Origin | None
    stored: Column
    probe: str
    leads: bool = False
    """An index of the table begins with the column, or its primary key does."""

    is_rowid: bool = False
    through_view: bool = False


def explain(source: Source, statement: Statement, values: Mapping[str, Any], targets: Mapping[str, Target]) -> set[str]:
    """Ask the database how it would run a statement; give the identifiers that an index serves.

    Raises what the driver raises.
    """
    judge = _JUDGES.get(source.engine.dialect.name)
    if judge is None:  # the catalogue tells which indexes there are, and nobody whether they are used
        return {key for key, it in targets.items() if it.leads}
    arranged = statement.arrange(values)
    with source.engine.connect() as connection:
        return judge(connection, statement.sql, arranged if isinstance(arranged, dict) else tuple(arranged), targets)


def target(source: Source, found: Origin | None, stored: Column, probe: str, *, through_view: bool = False) -> Target:
    """Look up the indexes that may serve an identifier."""
    if found is None:
        return Target(None, stored, probe)
    inspector = inspect(source.engine)
    primary = inspector.get_pk_constraint(found.table, found.schema)["constrained_columns"]
    is_rowid = False
    if primary == [found.column] and source.engine.dialect.name == "sqlite":
        kinds = {it["name"]: it["type"] for it in inspector.get_columns(found.table, found.schema)}
        is_rowid = str(kinds[found.column]).upper() == "INTEGER"
    heads = {tuple(primary[:1])} | {tuple(names[:1]) for names in _indexed(inspector, found)}
    plain = stored.expression is None and not stored.case_insensitive
    return Target(
        found, stored, probe, leads=plain and (found.column,) in heads, is_rowid=is_rowid, through_view=through_view
    )


def _indexed(inspector: Inspector, found: Origin) -> list[list[str | None]]:
    """List the columns of a table's indexes, leaving out those over a part of the rows."""
    names = [
        list(index["column_names"])
        for index in inspector.get_indexes(found.table, found.schema)
        if not any("where" in str(option) for option in index.get("dialect_options", {}))
    ]
    return names + [list(it["column_names"]) for it in inspector.get_unique_constraints(found.table, found.schema)]


def _by_sqlite(connection: Connection, sql: str, values: Any, targets: Mapping[str, Target]) -> set[str]:
    steps = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    made = {step.split()[1] for step in steps if step.startswith(("CO-ROUTINE", "MATERIALIZE"))}
    whole = any(
        "AUTOMATIC" in step
        or (step.startswith("SCAN") and step.split()[1] not in made and not step.split()[1].startswith(("(", "CONST")))
        for step in steps
    )
    inside = [found[1] for step in steps if step.startswith("SEARCH") and (found := _INSIDE.search(step))]
    return {key for key, it in targets.items() if _searched(it, inside, whole=whole)}


def _searched(target: Target, inside: Sequence[str], *, whole: bool) -> bool:
    if target.stored.expression is not None or target.stored.case_insensitive:
        return any("<expr>=?" in it for it in inside)
    if target.origin is None:
        return bool(inside) and not whole
    wanted = {f"{target.origin.column}=?".casefold()} | ({"rowid=?"} if target.is_rowid else set())
    if any(part.strip().casefold() in wanted for it in inside for part in it.split(" AND ")):
        return True
    return target.leads and not whole


def _by_postgresql(connection: Connection, sql: str, values: Any, targets: Mapping[str, Target]) -> set[str]:
    # A small table is read whole even where an index serves: told to avoid that, it shows which index there is.
    connection.exec_driver_sql("SET enable_seqscan = off")
    try:
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).scalar_one()
    finally:
        connection.exec_driver_sql("RESET enable_seqscan")
    nodes = list(_nodes(plan[0]["Plan"]))
    whole = any(node["Node Type"] in ("Seq Scan", "Foreign Scan") for node in nodes)
    conditions = [str(node.get("Index Cond", "")) for node in nodes]
    return {
        key
        for key, it in targets.items()
        if any(it.probe in condition for condition in conditions) or (it.leads and not whole)
    }


def _nodes(plan: Mapping[str, Any]) -> Any:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _by_mysql(connection: Connection, sql: str, values: Any, targets: Mapping[str, Target]) -> set[str]:
    steps = [dict(row) for row in connection.exec_driver_sql(f"EXPLAIN {sql}", values).mappings()]
    read = [step for step in steps if step["table"] and not str(step["table"]).startswith("<")]
    # A small table is read whole even where an index serves; what might have served is still named.
    whole = any(step["type"] in ("ALL", "index") and not step["possible_keys"] for step in read)
    return {key for key, it in targets.items() if not whole and (it.leads or _may_serve(it, read))}


_JUDGES = {"sqlite": _by_sqlite, "postgresql": _by_postgresql, "mysql": _by_mysql, "mariadb": _by_mysql}


def _may_serve(target: Target, read: Sequence[Mapping[str, Any]]) -> bool:
    """Judge by the plan alone, where the table's indexes do not tell: an expression's, or those behind a view."""
    if target.origin is not None and target.stored.expression is None and not target.stored.case_insensitive:
        return False
    return any(step["possible_keys"] or step["key"] for step in read)


def advise(source: Source, target: Target, also: Sequence[str] = ()) -> tuple[str, str]:
    """Say what to do about a missing index, and write the statement that makes it, where one can be given.

    `also` are columns of the table that the index had better cover as well.
    """
    dialect, stored, found = source.engine.dialect, target.stored, target.origin
    if found is None:
        return (
            "Which table's column this is cannot be told from here: a view or a selection computes, joins or groups "
            "it. Ask the database's administrator for an index on the column it is made of."
        ), ""
    inspector = inspect(source.engine)
    columns = [TableColumn(it["name"], it["type"]) for it in inspector.get_columns(found.table, found.schema)]
    table = Table(found.table, MetaData(), *columns, schema=found.schema)
    name = _index_name(inspector, found, [found.column, *also])
    plain = stored.expression is None and not stored.case_insensitive
    if stored.case_insensitive and stored.expression is None and ignores_case(source, found):
        return _without_case(source, found, stored)
    if not plain and dialect.name in ("mysql", "mariadb"):
        return _kept_column(source, table, target, name)
    if plain:
        return _GIVE, _create(name, table, [table.c[it] for it in (found.column, *also)], dialect)
    wanted = _expression(found, stored, dialect)
    return _GIVE, _create(name, table, [text(wanted if stored.case_insensitive else f"({wanted})")], dialect)


def _without_case(source: Source, found: Origin, stored: Column) -> tuple[str, str]:
    plain = target(source, found, Column(stored.name), "")
    without = "The column ignores capitals by itself: take case_insensitive=True out of the dataset"
    if plain.leads:
        return f"{without}, and the index it has will serve.", ""
    return f"{without}, and give this to the database's administrator:", advise(source, plain)[1]


def _kept_column(source: Source, table: Table, wanted: Target, name: str) -> tuple[str, str]:
    """MySQL indexes expressions, MariaDB only columns made of them."""
    found, stored = wanted.origin, wanted.stored
    if found is None:
        raise ValueError("an index needs a table")
    dialect: Any = source.engine.dialect
    quote, full = dialect.identifier_preparer.quote, dialect.identifier_preparer.format_table(table)
    expression = _expression(found, stored, dialect)
    if not getattr(dialect, "is_mariadb", False):
        return _GIVE, f"CREATE INDEX {quote(name)} ON {full} (({expression}));"
    kept = "_".join([*words(found.column), "lookup"])
    kind = "varchar(255)" if stored.case_insensitive else "varchar(32)"
    made_by = "case_insensitive" if stored.case_insensitive and not stored.expression else "the expression"
    return (
        f"MariaDB indexes no expressions. Give this to the database's administrator, then name the column {kept!r} in "
        f"the dataset in place of {made_by}{', and in the view' if wanted.through_view else ''}:"
    ), (
        f"ALTER TABLE {full} ADD COLUMN {quote(kept)} {kind} AS ({expression}) PERSISTENT, "
        f"ADD INDEX {quote(name)} ({quote(kept)});"
    )


def ignores_case(source: Source, found: Origin) -> bool:
    """Tell whether a column takes capitals for small letters by itself."""
    dialect = source.engine.dialect.name
    if dialect == "postgresql":
        kinds = {it["name"]: it["type"] for it in inspect(source.engine).get_columns(found.table, found.schema)}
        return isinstance(kinds[found.column], CITEXT)
    if dialect not in ("mysql", "mariadb"):
        return False
    asked = text(
        "SELECT collation_name FROM information_schema.columns WHERE table_schema = COALESCE(:schema, DATABASE()) "
        "AND table_name = :table AND column_name = :column"
    )
    values = {"schema": found.schema, "table": found.table, "column": found.column}
    with source.engine.connect() as connection:
        return str(connection.execute(asked, values).scalar()).endswith("_ci")


def _expression(found: Origin, stored: Column, dialect: Dialect) -> str:
    """Write what is compared over the table's own column, whatever a view calls it."""
    own = dialect.identifier_preparer.quote(found.column)
    inner = rename(stored.expression, stored.name, own) if stored.expression else own
    return f"lower({inner})" if stored.case_insensitive else inner


def _create(name: str, table: Table, parts: Sequence[Any], dialect: Dialect) -> str:
    options: dict[str, Any] = {"postgresql_concurrently": dialect.name == "postgresql"}
    if dialect.name in ("mysql", "mariadb"):
        # What is long text can be indexed by its beginning only.
        options["mysql_length"] = {
            part.name: _PREFIX_OF_TEXT
            for part in parts
            if isinstance(part.type, Text) and isinstance(part.type, String)
        }
    index = Index(name, *parts, _table=table, **options)
    return f"{CreateIndex(index).compile(dialect=dialect)};"


def _index_name(inspector: Inspector, found: Origin, columns: Sequence[str]) -> str:
    name = "_".join(["ix", *words(found.table), *(word for column in columns for word in words(column))])
    name = name[:_LONGEST_INDEX_NAME]
    taken = {str(index["name"]).casefold() for index in inspector.get_indexes(found.table, found.schema)}
    return f"{name[: _LONGEST_INDEX_NAME - 7]}_lookup" if name.casefold() in taken else name
