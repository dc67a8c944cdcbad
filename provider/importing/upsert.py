"""Storing rows by their natural key: what is there already is replaced."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Table, UniqueConstraint
from sqlalchemy.dialects import mysql, postgresql, sqlite


def key_columns(table: Table) -> tuple[str, ...]:
    """Name the columns of an entity table's natural key."""
    (unique,) = (constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint))
    return tuple(column.name for column in unique.columns)


def make_upsert(table: Table, dialect: Dialect) -> Insert:
    """Make the statement that stores a row, over one of the same natural key if there is one."""
    key = key_columns(table)
    replaced = [column.name for column in table.columns if column.name not in key and not column.primary_key]
    if dialect.name in ("mysql", "mariadb"):
        replacing = mysql.insert(table)
        return replacing.on_duplicate_key_update({name: replacing.inserted[name] for name in replaced})
    inserting = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    return inserting.on_conflict_do_update(
        index_elements=key, set_={name: inserting.excluded[name] for name in replaced}
    )


def store(connection: Connection, upsert: Insert, rows: Sequence[dict[str, Any]]) -> None:
    """Store rows, of which no two may have the same key."""
    if rows:
        connection.execute(upsert, rows)
