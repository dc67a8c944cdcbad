"""Makes the tables of Pango's entities from their schemas: each field is a column.

A row holds the record as it was sent, and what lookups need: the canonical phone and email of the person, and the
time that says which record is the newest.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow.fields import Field
from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.types import TypeEngine

from provider.contract.entities import DOCUMENTED, ENTITIES, Entity, fields
from provider.contract.identity import email_or_none, phone_or_none
from provider.errors import ConfigurationError
from provider.store.table_base import Base, RowId, UtcDateTime, exact_text

LONGEST_EMAIL = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""

LONGEST_PHONE = 16
"""ITU-T E.164 section 6.2.1: fifteen digits, and the plus."""

LONGEST_COLUMN_NAME = 60
"""In bytes; PostgreSQL cuts names after 63."""


def record_of(entity: Entity, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a row: the entity's fields that are not blank, and the keys that no page lists."""
    known = {name: value for name in entity.fields if (value := row[name]) is not None and value != ""}
    return known | (row["unlisted"] or {})


def row_of(entity: Entity, record: Mapping[str, Any], *, region: str, now: datetime) -> dict[str, Any]:
    """Make the row of a record that has no problems. `region` is the country of phones without a country code."""
    row = {name: None if fields.is_blank(value := record.get(name)) else value for name in entity.fields}
    row["internalCompanyId"] = row["internalCompanyId"] or ""
    row["unlisted"] = {name: value for name, value in record.items() if name not in entity.fields} or None
    row["stored_at"] = now
    timestamps = (row[name] for name in entity.newest_by)
    row["newest_at"] = next((time for time in timestamps if time is not None), int(now.timestamp() * 1000))
    if phone := entity.person.get("phone"):
        found = phone_or_none(row[phone] or "", region=region)
        row["phone_key"] = found.e164 if found else None
    if email := entity.person.get("email"):
        row["email_key"] = email_or_none(row[email] or "")
    return row


_COLUMN_TYPES: dict[type[Field[Any]], TypeEngine[Any]] = {
    fields.Long: BigInteger(),
    fields.Timestamp: BigInteger(),
    fields.Integer: Integer(),
    fields.Double: Double(),
    fields.Boolean: Boolean(),
}


def _column_type(field: Field[Any]) -> TypeEngine[Any]:
    if isinstance(field, fields.Text):
        return exact_text(field.longest) if field.longest else Text()
    for kind, column_type in _COLUMN_TYPES.items():
        if isinstance(field, kind):
            return column_type
    return JSON(none_as_null=True)


def _make_table(entity: Entity) -> Table:
    """Make the table of an entity: one column for each field, a unique natural key, an index for each identifier."""
    name = "provider_" + entity.object_type.replace("-", "_")
    needed = {"internalCompanyId", *entity.key}
    person = [f"{identifier}_key" for identifier in ("phone", "email") if identifier in entity.person]
    indexed = person + ([] if "customerId" not in entity.person or entity.key[0] == "customerId" else ["customerId"])
    return Table(
        name,
        Base.metadata,
        Column("row_id", RowId, primary_key=True),
        *(Column(field, _column_type(kind), nullable=field not in needed) for field, kind in entity.fields.items()),
        Column("unlisted", JSON(none_as_null=True)),
        *(Column(key, exact_text(LONGEST_PHONE if key == "phone_key" else LONGEST_EMAIL)) for key in person),
        Column("newest_at", BigInteger(), nullable=False),
        Column("stored_at", UtcDateTime(), nullable=False),
        # The entity's own key comes first, so that this index also finds a record by that key.
        UniqueConstraint(*entity.key, "internalCompanyId"),
        *(Index(f"ix_{name}_{column}", column, "newest_at") for column in indexed),
    )


TABLES: dict[str, Table] = {object_type: _make_table(entity) for object_type, entity in DOCUMENTED.items()}
"""By objectType."""


def add_field(object_type: str, name: str, field: Field[Any]) -> Column[Any] | None:
    """Add a partner's field to an entity, and its column to the entity's table; return the column if there is one.

    The same field may be added again. ConfigurationError when the field cannot be added.
    """
    entity, table = ENTITIES.get(object_type), TABLES.get(object_type)
    if entity is None:
        raise ConfigurationError(f"{object_type!r} is no entity. Those are: {', '.join(ENTITIES)}.")
    if entity.fields.get(name) is field:
        return table.c[name] if table is not None else None
    if name in entity.fields:
        raise ConfigurationError(
            f"{object_type} has a field {name} of its own. Remove yours; its column keeps what is stored there."
        )
    if table is not None:
        _check_column_name(name, table)
    if type(field).__module__ != fields.__name__:
        raise ConfigurationError(f"{name} is no field. Write one of {fields.__name__}, like Text or Long.")
    entity.fields[name] = field
    if table is None:
        return None
    column = Column(name, _column_type(field))
    table.append_column(column)
    return column


def _check_column_name(name: str, table: Table) -> None:
    """Check that each kind of database takes the name; most do not tell small letters from capital ones."""
    if not name.isidentifier() or len(name.encode()) > LONGEST_COLUMN_NAME:
        raise ConfigurationError(
            f"{name!r} is no name for a column. Choose at most {LONGEST_COLUMN_NAME} letters and digits."
        )
    if name.lower() in {column.name.lower() for column in table.c}:
        raise ConfigurationError(
            f"{name} is a column that every entity has, or a field in other capital letters. Choose another name."
        )
