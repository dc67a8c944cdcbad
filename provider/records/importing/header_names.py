"""Which field a header means: by the field's name, however it is cased, spaced or accented."""

from collections.abc import Sequence
from difflib import get_close_matches

from provider.assist.inspection.column_meaning import words
from provider.contract.entities import Entity, fields

Target = tuple[str, str | None]
"""A field, and of a map of custom fields the member."""


def find_target(entity: Entity, header: str) -> Target | None:
    """Find the field a header means; None when it means none.

    `customFieldLong01` is a member of customFieldLongs, `customFieldLongs.customFieldLong01` the same.
    """
    if header in entity.fields:
        return header, None
    name = plain(header)
    for field in entity.fields:
        if field.lower() == name:
            return field, None
    for field, kind in entity.fields.items():
        if isinstance(kind, fields.CustomFields):
            stem = kind.first.removesuffix("01")
            member = name.removeprefix(field.lower()).removeprefix(stem.lower())
            if kind.names.fullmatch(stem + member) and name.endswith(stem.lower() + member):
                return field, stem + member
    return None


def plain(header: str) -> str:
    """Give what counts of a header: lower-case letters and digits, without accents."""
    return "".join(words(header))


def near(entity: Entity, header: str) -> Sequence[str]:
    """Give the fields a header may be a misspelling of."""
    names = {field.lower(): field for field in entity.fields}
    return [names[name] for name in get_close_matches(plain(header), names, n=3, cutoff=0.75)]
