"""The tables of Pango's entities, made from their schemas: a field added there is a column here.

A row holds the record as it came, and beside it what lookups need: the canonical phone and email of its person, and the
time by which the newest counts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow.fields import Field
from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, Integer, String, Table, Text, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from provider.contract.entities import DOCUMENTED, Entity, fields
from provider.contract.identity import email_or_none, phone_or_none
from provider.store.client_tables import Base, UtcDateTime
from provider.store.push_tables import Number

LONGEST_EMAIL = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""

LONGEST_PHONE = 16
"""ITU-T E.164 section 6.2.1: fifteen digits, and the plus."""


def record_of(entity: Entity, row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record a row was made of: its own fields, without those that are blank, and the keys no page lists."""
    known = {name: value for name in entity.fields if (value := row[name]) is not None and value != ""}
    return known | (row["unlisted"] or {})


def row_of(entity: Entity, record: Mapping[str, Any], *, region: str, now: datetime) -> dict[str, Any]:
    """Make the row of a record without problems. `region` is the country of phones without a country code."""
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


def utc_now() -> datetime:
    """Give the time as `row_of` wants it."""
    return datetime.now(UTC)


def _exact(length: int) -> String:
    """Make a text that is compared byte by byte: MySQL's own collations take C1 and c1 for the same."""
    binary = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(binary, "mysql", "mariadb")


_TYPES: dict[type[Field[Any]], TypeEngine[Any]] = {
    fields.Long: BigInteger(),
    fields.Timestamp: BigInteger(),
    fields.Integer: Integer(),
    fields.Double: Double(),
    fields.Boolean: Boolean(),
}


def _type(field: Field[Any]) -> TypeEngine[Any]:
    if isinstance(field, fields.Text):
        return _exact(field.longest) if field.longest else Text()
    return next((made for kind, made in _TYPES.items() if isinstance(field, kind)), JSON(none_as_null=True))


def _table(entity: Entity) -> Table:
    """Make an entity's table: a column for each field, the natural key unique, and the ways to a person indexed."""
    name = "provider_" + entity.object_type.replace("-", "_")
    needed = {"internalCompanyId", *entity.key}
    person = [f"{identifier}_key" for identifier in ("phone", "email") if identifier in entity.person]
    indexed = person + ([] if "customerId" not in entity.person or entity.key[0] == "customerId" else ["customerId"])
    return Table(
        name,
        Base.metadata,
        Column("row_id", Number, primary_key=True),
        *(Column(field, _type(kind), nullable=field not in needed) for field, kind in entity.fields.items()),
        Column("unlisted", JSON(none_as_null=True)),
        *(Column(key, _exact(LONGEST_PHONE if key == "phone_key" else LONGEST_EMAIL)) for key in person),
        Column("newest_at", BigInteger(), nullable=False),
        Column("stored_at", UtcDateTime(), nullable=False),
        # The entity's own key first: the same index finds a record by it.
        UniqueConstraint(*entity.key, "internalCompanyId"),
        *(Index(f"ix_{name}_{column}", column, "newest_at") for column in indexed),
    )


TABLES: dict[str, Table] = {object_type: _table(entity) for object_type, entity in DOCUMENTED.items()}
"""By objectType."""
