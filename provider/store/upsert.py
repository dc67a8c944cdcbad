"""Inserts for a key that may exist already, in the SQL of each database."""

from collections.abc import Sequence

from sqlalchemy import Dialect, Insert, Table, insert
from sqlalchemy.dialects import mysql, postgresql, sqlite


def make_upsert(table: Table, key: Sequence[str], dialect: Dialect) -> Insert:
    """Make an insert that replaces the row with the same `key`, if there is one."""
    replaced = [column.name for column in table.columns if column.name not in key and not column.primary_key]
    if dialect.name in ("mysql", "mariadb"):
        replacing = mysql.insert(table)
        return replacing.on_duplicate_key_update({name: replacing.inserted[name] for name in replaced})
    inserting = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    return inserting.on_conflict_do_update(
        index_elements=key, set_={name: inserting.excluded[name] for name in replaced}
    )


def make_insert_new(table: Table, dialect: Dialect) -> Insert:
    """Make an insert that does nothing when a row with the same key exists."""
    if dialect.name in ("mysql", "mariadb"):
        return insert(table).prefix_with("IGNORE")
    inserting = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    return inserting.on_conflict_do_nothing()
