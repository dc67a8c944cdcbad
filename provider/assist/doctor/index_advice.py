"""Writes the CREATE INDEX statement of a missing index, for the database's administrator."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import Dialect, Index, Inspector, MetaData, Table, Text, inspect, text
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.schema import CreateIndex

from provider.assist.doctor.query_plans import LookupColumn, find_lookup_column
from provider.assist.doctor.view_columns import BaseColumn, rename_column
from provider.assist.inspection.column_meaning import words
from provider.database.sources import Source
from provider.dataset.columns import Column

_GIVE = "Give this to the database's administrator:"
_LONGEST_NAME = 60
_PREFIX_OF_TEXT = 64


def advise_index(source: Source, column: LookupColumn, also: Sequence[str] = ()) -> tuple[str, str]:
    """Say what to do about a missing index, and write the SQL for it; the SQL is empty where none can be given.

    `also` are columns of the table that the index covers as well. Raises what SQLAlchemy and the driver raise.
    """
    dialect, stored, base = source.engine.dialect, column.stored, column.base
    if base is None:
        return (
            "Which table's column this is cannot be told from here: the view or the selection computes it, groups its "
            "rows or is over another view. Ask the database's administrator for an index on the column it is made of."
        ), ""
    if stored.case_insensitive and stored.expression is None and _ignores_case(source, base):
        return _advise_without_case(source, base, stored)
    inspector = inspect(source.engine)
    columns = [TableColumn(it["name"], it["type"]) for it in inspector.get_columns(base.table, base.schema)]
    table = Table(base.table, MetaData(), *columns, schema=base.schema)
    name = _index_name(inspector, base, [base.column, *also])
    if column.is_plain:
        return _GIVE, _create_index(name, table, [table.c[it] for it in (base.column, *also)], dialect)
    expression = _expression(base, stored, dialect)
    if dialect.name in ("mysql", "mariadb"):
        return _advise_for_mysql(dialect, column, base, name, expression)
    return _GIVE, _create_index(
        name, table, [text(expression if stored.case_insensitive else f"({expression})")], dialect
    )


def _advise_without_case(source: Source, base: BaseColumn, stored: Column) -> tuple[str, str]:
    plain = find_lookup_column(source, Column(stored.name), base, "")
    advice = "The column ignores capitals by itself: take case_insensitive=True out of the dataset"
    if plain.is_indexed:
        return f"{advice}, and the index it has will serve.", ""
    return f"{advice}, and give this to the database's administrator:", advise_index(source, plain)[1]


def _advise_for_mysql(
    dialect: Any, column: LookupColumn, base: BaseColumn, name: str, expression: str
) -> tuple[str, str]:
    """MySQL indexes expressions. MariaDB indexes columns only, but a column can be made of an expression."""
    quote = dialect.identifier_preparer.quote
    full_name = dialect.identifier_preparer.format_table(Table(base.table, MetaData(), schema=base.schema))
    if not getattr(dialect, "is_mariadb", False):
        return _GIVE, f"CREATE INDEX {quote(name)} ON {full_name} (({expression}));"
    stored = column.stored
    made = "_".join([*words(base.column), "lookup"])
    kind = "varchar(255)" if stored.case_insensitive else "varchar(32)"
    replaced = "case_insensitive" if stored.case_insensitive and not stored.expression else "the expression"
    return (
        f"MariaDB indexes no expressions. Give this to the database's administrator, then name the column {made!r} in "
        f"the dataset in place of {replaced}{', and in the view' if column.through_view else ''}:"
    ), (
        f"ALTER TABLE {full_name} ADD COLUMN {quote(made)} {kind} AS ({expression}) PERSISTENT, "
        f"ADD INDEX {quote(name)} ({quote(made)});"
    )


def _ignores_case(source: Source, base: BaseColumn) -> bool:
    """Tell whether a column's type or collation ignores case."""
    dialect = source.engine.dialect.name
    if dialect == "postgresql":
        kinds = {it["name"]: it["type"] for it in inspect(source.engine).get_columns(base.table, base.schema)}
        return isinstance(kinds[base.column], CITEXT)
    if dialect not in ("mysql", "mariadb"):
        return False
    collation = text(
        "SELECT collation_name FROM information_schema.columns WHERE table_schema = COALESCE(:schema, DATABASE()) "
        "AND table_name = :table AND column_name = :column"
    )
    values = {"schema": base.schema, "table": base.table, "column": base.column}
    with source.engine.connect() as connection:
        return str(connection.execute(collation, values).scalar()).endswith("_ci")


def _expression(base: BaseColumn, stored: Column, dialect: Dialect) -> str:
    """Write what a lookup compares, with the table's own name of the column."""
    own = dialect.identifier_preparer.quote(base.column)
    inner = rename_column(stored.expression, stored.name, own) if stored.expression else own
    return f"lower({inner})" if stored.case_insensitive else inner


def _create_index(name: str, table: Table, parts: Sequence[Any], dialect: Dialect) -> str:
    options: dict[str, Any] = {"postgresql_concurrently": dialect.name == "postgresql"}
    if dialect.name in ("mysql", "mariadb"):
        # MySQL indexes only the beginning of long text.
        options["mysql_length"] = {part.name: _PREFIX_OF_TEXT for part in parts if isinstance(part.type, Text)}
    index = Index(name, *parts, _table=table, **options)
    return f"{CreateIndex(index).compile(dialect=dialect)};"


def _index_name(inspector: Inspector, base: BaseColumn, columns: Sequence[str]) -> str:
    name = "_".join(["ix", *words(base.table), *(word for column in columns for word in words(column))])
    name = name[:_LONGEST_NAME]
    taken = {str(index["name"]).casefold() for index in inspector.get_indexes(base.table, base.schema)}
    return f"{name[: _LONGEST_NAME - 7]}_lookup" if name.casefold() in taken else name
