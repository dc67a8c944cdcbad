"""A row of text, or of what a spreadsheet or JSON holds, as a record with the types its entity wants."""

from collections.abc import Callable, Mapping
from datetime import timedelta, timezone, tzinfo
from functools import partial
from typing import Any

from marshmallow.fields import Field

from provider.contract.entities import Entity, fields
from provider.records.importing import field_values
from provider.records.importing.file_rows import Broken
from provider.records.importing.header_names import Target, find_target

_AT_HOME = {"VN": timezone(timedelta(hours=7))}
"""The time zone of countries that have only one, the year round."""

_FURTHEST_HOURS = 14
_ROW = ""

_KINDS: dict[type[Field[Any]], Callable[[Any], Any]] = {
    fields.Timestamp: field_values.whole,
    fields.Integer: field_values.whole,
    fields.Double: field_values.double,
    fields.Boolean: field_values.boolean,
    fields.TextList: field_values.text_list,
    fields.Text: field_values.text,
}


class Conversion:
    """Makes records of an entity from rows.

    `mapping` says which field a header means, where its name does not: `customFieldTexts.customField01` is a custom
    field, "" leaves the column out. Headers that mean nothing are left out too, or with `keeps_unknown` kept as they
    are. `region` is the country of phones without a country code. Times as text are read by `time_format`
    (strptime's), else as ISO 8601; those without an offset are of `zone`, else of the row's timezoneGmt, else of the
    region, where it has one zone only.
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
        self._columns: dict[str, Target | None] = {}
        self._converts: dict[str, Callable[[Any], Any]] = {}
        self._times: set[str] = set()
        for name, field in entity.fields.items():
            self._converts[name] = self._convert_of(name, field)
            of = field.of if isinstance(field, fields.CustomFields) else field
            if isinstance(of, fields.Timestamp):
                self._times.add(name)

    def __call__(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Give the record, without what is blank, and what could not be converted, by field; "" is the row itself.

        What could not be converted is in the record as it came.
        """
        if isinstance(row, Broken):
            return {}, {_ROW: row.reason}
        record: dict[str, Any] = {}
        problems: dict[str, str] = {}
        times: list[tuple[Target, Any]] = []
        for header, value in row.items():
            if value is None or value == "":
                continue
            target = self._columns[header] if header in self._columns else self._find(header)
            if target is None:
                if self._keeps_unknown and header not in self._mapping:
                    record[header] = value
            elif target[0] in self._times:
                times.append((target, value))
            else:
                self._put(record, problems, target, value, self._converts[target[0]])
        if times:
            at = partial(
                field_values.timestamp, zone=self._zone or self._zone_of(record), time_format=self._time_format
            )
            for target, value in times:
                self._put(record, problems, target, value, at)
        return record, problems

    def _put(
        self,
        record: dict[str, Any],
        problems: dict[str, str],
        target: Target,
        value: Any,
        convert: Callable[[Any], Any],
    ) -> None:
        name, member = target
        if member is None and isinstance(self._entity.fields[name], fields.CustomFields):
            self._put_all(record, problems, name, value, convert)
            return
        try:
            converted = convert(value)
        except field_values.Unconvertible as error:
            problems[f"{name}.{member}" if member else name] = str(error)
            converted = value
        if converted is None or converted == "":
            return
        place, at = (record, name) if member is None else (record.setdefault(name, {}), member)
        if at in place:
            problems[f"{name}.{member}" if member else name] = "is given twice"
        place[at] = converted

    def _put_all(
        self, record: dict[str, Any], problems: dict[str, str], name: str, value: Any, convert: Callable[[Any], Any]
    ) -> None:
        """Put a whole map of custom fields."""
        try:
            members = field_values.nested(value)
        except field_values.Unconvertible as error:
            problems[name] = str(error)
            members = value
        if isinstance(members, dict):
            for member, part in members.items():
                self._put(record, problems, (name, member), part, convert)
        elif members is not None:
            record[name] = members

    def _find(self, header: str) -> Target | None:
        """Find a header's field, by the mapping or by its name, and remember it."""
        said = self._mapping.get(header, header)
        target = find_target(self._entity, said) if said else None
        if target or not self._keeps_unknown:  # the keys of JSON may be without number
            self._columns[header] = target
        return target

    def _zone_of(self, record: Mapping[str, Any]) -> tzinfo | None:
        hours = record.get("timezoneGmt")
        if isinstance(hours, int) and abs(hours) <= _FURTHEST_HOURS:
            return timezone(timedelta(hours=hours))
        return _AT_HOME.get(self._region)

    def _convert_of(self, name: str, field: Field[Any]) -> Callable[[Any], Any]:
        of = field.of if isinstance(field, fields.CustomFields) else field
        if isinstance(of, fields.Phone):
            return partial(field_values.phone, region=self._region)
        if isinstance(of, fields.TextDate):
            return partial(field_values.day, time_format=self._time_format)
        if name == "gender":
            return field_values.gender
        if name in (*self._entity.key, "customerId"):
            return field_values.key
        return next((convert for kind, convert in _KINDS.items() if isinstance(of, kind)), field_values.nested)
