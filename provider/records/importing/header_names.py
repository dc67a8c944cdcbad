"""Finds the field of a header by its name. Case, spaces, signs and accents do not matter."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from provider.assist.inspection.column_meaning import words
from provider.contract.entities import Entity, fields


class FieldPath(NamedTuple):
    """A field of an entity, and the member when the field is a map of custom fields."""

    field: str
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.field}.{self.member}" if self.member else self.field


def find_field(entity: Entity, header: str) -> FieldPath | None:
    """Find the field that a header names; None when there is none.

    `customFieldLong01` and `customFieldLongs.customFieldLong01` both name a member of customFieldLongs.
    """
    if header in entity.fields:
        return FieldPath(header)
    name = plain_name(header)
    for field in entity.fields:
        if field.lower() == name:
            return FieldPath(field)
    for field, kind in entity.fields.items():
        if isinstance(kind, fields.CustomFields):
            stem = kind.first.removesuffix("01")
            member = name.removeprefix(field.lower()).removeprefix(stem.lower())
            if kind.names.fullmatch(stem + member) and name.endswith(stem.lower() + member):
                return FieldPath(field, stem + member)
    return None


def plain_name(header: str) -> str:
    """Return a header as it is compared: lower-case letters and digits, without accents."""
    return "".join(words(header))


def similar_fields(entity: Entity, header: str) -> Sequence[str]:
    """Return the fields whose names a header may misspell."""
    names = {field.lower(): field for field in entity.fields}
    return [names[name] for name in get_close_matches(plain_name(header), names, n=3, cutoff=0.75)]
