"""Matches the columns of a file with the fields of an entity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provider.contract.entities import Entity
from provider.errors import ConfigurationError
from provider.records.importing.header_names import find_field, similar_fields


@dataclass(frozen=True, slots=True)
class UnmatchedColumns:
    """Columns that match no field, each with fields it may misspell; and required fields without a column."""

    left_out: Mapping[str, Sequence[str]]
    missing: Sequence[str]


def reason_header(entity: Entity, mapping: Mapping[str, str]) -> str:
    """Return the header of the column with the reason of a rejection: `reason`, unless the file uses it for a field."""
    return "rejection" if "reason" in entity.fields or "reason" in mapping else "reason"


def check_mapping(entity: Entity, mapping: Mapping[str, str]) -> None:
    """Check that a mapping names fields only; ConfigurationError names the first that is no field."""
    for header, field in mapping.items():
        if field and not find_field(entity, field):
            raise ConfigurationError(
                f"The mapping of {header!r} names {field!r}, which is no field of {entity.object_type}."
                f"{_did_you_mean(entity, field)}"
            )


def match_columns(entity: Entity, headers: Sequence[str], mapping: Mapping[str, str]) -> UnmatchedColumns:
    """Match each column with a field; ConfigurationError when two match the same field, or none matches any."""
    if absent := set(mapping) - set(headers):
        raise ConfigurationError(f"The mapping names a column {min(absent)!r} that the file does not have.")
    columns: dict[str, str] = {}
    left_out: dict[str, Sequence[str]] = {}
    for header in headers:
        field = mapping.get(header, header)
        path = find_field(entity, field) if field else None
        if path:
            name = str(path)
            if name in columns:
                raise ConfigurationError(
                    f"The columns {columns[name]!r} and {header!r} both mean {name}. "
                    "Say in a mapping which one counts; --guess writes one."
                )
            columns[name] = header
        elif header not in mapping and header != reason_header(entity, mapping):
            left_out[header] = similar_fields(entity, header)
    required = [name for name, field in entity.fields.items() if field.required]
    if not columns:
        examples = ", ".join(dict.fromkeys([*required, *entity.person.values()]))
        raise ConfigurationError(
            f"No column is a field of {entity.object_type}. The first row must name the columns; "
            f"fields are called like {examples}. Say in a mapping which column is which; --guess writes one."
        )
    return UnmatchedColumns(left_out, [name for name in required if name not in columns])


def _did_you_mean(entity: Entity, field: str) -> str:
    close = similar_fields(entity, field)
    return f" Did you mean {' or '.join(close)}?" if close else ""
