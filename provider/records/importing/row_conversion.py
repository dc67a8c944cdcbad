"""Converts rows of text, spreadsheet cells or JSON into records with the types of an entity."""

from collections.abc import Callable, Mapping
from datetime import timedelta, timezone, tzinfo
from functools import partial
from typing import Any

from marshmallow.fields import Field

from provider.contract.entities import Entity, fields
from provider.records.importing import field_values
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.header_names import FieldPath, find_field

_ZONES = {"VN": timezone(timedelta(hours=7))}
"""Time zones of countries that have a single one, without summer time."""

_MAX_OFFSET_HOURS = 14
_ROW = ""

_CONVERTERS: dict[type[Field[Any]], Callable[[Any], Any]] = {
    fields.Timestamp: field_values.read_integer,
    fields.Integer: field_values.read_integer,
    fields.Double: field_values.read_number,
    fields.Boolean: field_values.read_boolean,
    fields.TextList: field_values.read_list,
    fields.Text: field_values.read_text,
}


class RowConversion:
    """Makes records of an entity from rows.

    `mapping` gives the fields of headers that are not named like their field: `customFieldTexts.customField01` is a
    custom field, "" leaves the column out. A header without a field is left out too, or kept with `keeps_unknown`.
    `region` is the country of phones without a country code. Times are read by `time_format` (as for strptime), else
    as ISO 8601. A time without an offset is in `zone`, else in the row's timezoneGmt, else in the zone of the region,
    if it has a single one.
    """

    def __init__(
        self,
        entity: Entity,
        mapping: Mapping[str, str],
        *,
        region: str,
        time_format: str | None = None,
        zone: tzinfo | None = None,
        keeps_unknown: bool = False,
    ) -> None:
        self._entity, self._mapping, self._keeps_unknown = entity, mapping, keeps_unknown
        self._region, self._time_format, self._zone = region, time_format, zone
        self._paths: dict[str, FieldPath | None] = {}
        self._converters: dict[str, Callable[[Any], Any]] = {}
        self._times: set[str] = set()
        for name, field in entity.fields.items():
            of = field.of if isinstance(field, fields.CustomFields) else field
            self._converters[name] = self._make_converter(name, of)
            if isinstance(of, fields.Timestamp):
                self._times.add(name)

    def __call__(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the record without blank fields, and the problems by field; the field "" stands for the whole row.

        A value that cannot be converted stays in the record as it is.
        """
        if isinstance(row, BrokenRow):
            return {}, {_ROW: row.reason}
        record: dict[str, Any] = {}
        problems: dict[str, str] = {}
        times: list[tuple[FieldPath, Any]] = []
        for header, value in row.items():
            if value is None or value == "":
                continue
            path = self._paths[header] if header in self._paths else self._find(header)
            if path is None:
                if self._keeps_unknown and header not in self._mapping:
                    record[header] = value
            elif path.field in self._times:
                times.append((path, value))
            else:
                self._put(record, problems, path, value, self._converters[path.field])
        if times:
            zone = self._zone or self._zone_of(record)
            read_time = partial(field_values.read_timestamp, zone=zone, time_format=self._time_format)
            for path, value in times:
                self._put(record, problems, path, value, read_time)
        return record, problems

    def _put(
        self,
        record: dict[str, Any],
        problems: dict[str, str],
        path: FieldPath,
        value: Any,
        convert: Callable[[Any], Any],
    ) -> None:
        if path.member is None and isinstance(self._entity.fields[path.field], fields.CustomFields):
            self._put_all(record, problems, path.field, value, convert)
            return
        try:
            converted = convert(value)
        except field_values.Unconvertible as error:
            problems[str(path)] = str(error)
            converted = value
        if converted is None or converted == "":
            return
        holder, name = (record, path.field) if path.member is None else (record.setdefault(path.field, {}), path.member)
        if not isinstance(holder, dict):
            return  # the map of custom fields is no map, and is refused as a whole
        if name in holder:
            problems[str(path)] = "is given twice"
        holder[name] = converted

    def _put_all(
        self, record: dict[str, Any], problems: dict[str, str], name: str, value: Any, convert: Callable[[Any], Any]
    ) -> None:
        """Put each member of a map of custom fields."""
        try:
            members = field_values.read_json(value)
        except field_values.Unconvertible as error:
            problems[name] = str(error)
            members = value
        if isinstance(members, dict):
            for member, part in members.items():
                self._put(record, problems, FieldPath(name, member), part, convert)
        elif members is not None:
            record[name] = members

    def _find(self, header: str) -> FieldPath | None:
        """Find a header's field by the mapping or by its name, and remember it."""
        name = self._mapping.get(header, header)
        path = find_field(self._entity, name) if name else None
        if path or not self._keeps_unknown:  # JSON Lines may have any number of keys
            self._paths[header] = path
        return path

    def _zone_of(self, record: Mapping[str, Any]) -> tzinfo | None:
        hours = record.get("timezoneGmt")
        if isinstance(hours, int) and abs(hours) <= _MAX_OFFSET_HOURS:
            return timezone(timedelta(hours=hours))
        return _ZONES.get(self._region)

    def _make_converter(self, name: str, field: Field[Any]) -> Callable[[Any], Any]:
        if isinstance(field, fields.PhoneText):
            return partial(field_values.read_phone, region=self._region)
        if isinstance(field, fields.TextDate):
            return partial(field_values.read_day, time_format=self._time_format)
        if name == "gender":
            return field_values.read_gender
        if name in (*self._entity.key, "customerId"):
            return field_values.read_key
        return next(
            (convert for kind, convert in _CONVERTERS.items() if isinstance(field, kind)), field_values.read_json
        )


def join_problems(problems: Mapping[str, str]) -> str:
    """Write the problems of a row as one text."""
    return "; ".join(f"{name} {problem}".strip() for name, problem in problems.items())
