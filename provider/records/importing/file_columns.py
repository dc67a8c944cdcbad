"""What the columns of a file are for one entity: fields, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provider.contract.entities import Entity
from provider.errors import ConfigurationError
from provider.records.importing.header_names import find_target, near


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that mean no field, each with fields it may be a misspelling of; and the fields that lack one."""

    left_out: Mapping[str, Sequence[str]]
    missing: Sequence[str]


def reason_header(entity: Entity, mapping: Mapping[str, str]) -> str:
    """Name the column that says why a row was rejected: `reason`, unless that is a field or means one."""
    return "rejection" if "reason" in entity.fields or "reason" in mapping else "reason"


def check_mapping(entity: Entity, mapping: Mapping[str, str]) -> None:
    """Refuse a mapping to what is no field; ConfigurationError names it."""
    for header, field in mapping.items():
        if field and not find_target(entity, field):
            raise ConfigurationError(
                f"The mapping of {header!r} names {field!r}, which is no field of {entity.object_type}."
                f"{_did_you_mean(entity, field)}"
            )


def understand(entity: Entity, headers: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Find out what each column means; ConfigurationError when two mean the same, or none means anything."""
    if absent := set(mapping) - set(headers):
        raise ConfigurationError(f"The mapping names a column {min(absent)!r} that the file does not have.")
    columns: dict[str, str] = {}
    left_out: dict[str, Sequence[str]] = {}
    for header in headers:
        field = mapping.get(header, header)
        target = find_target(entity, field) if field else None
        if target:
            name = ".".join(part for part in target if part)
            if name in columns:
                raise ConfigurationError(
                    f"The columns {columns[name]!r} and {header!r} both mean {name}. "
                    "Say in a mapping which one counts; --guess writes one."
                )
            columns[name] = header
        elif header not in mapping and header != reason_header(entity, mapping):
            left_out[header] = near(entity, header)
    required = [name for name, field in entity.fields.items() if field.required]
    if not columns:
        usual = ", ".join(dict.fromkeys([*required, *entity.person.values()]))
        raise ConfigurationError(
            f"No column is a field of {entity.object_type}. The first row must name the columns; "
            f"fields are called like {usual}. Say in a mapping which column is which; --guess writes one."
        )
    return Columns(left_out, [name for name in required if name not in columns])


def _did_you_mean(entity: Entity, field: str) -> str:
    close = near(entity, field)
    return f" Did you mean {' or '.join(close)}?" if close else ""
