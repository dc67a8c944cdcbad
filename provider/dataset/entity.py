"""EntityDataset: a person's records of one of Pango's entities, from the provider database."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema
from marshmallow import fields as schema_fields

from provider.contract.entities import DOCUMENTED
from provider.contract.entities.fields import CustomFields
from provider.database.sources import Source
from provider.dataset.base import Found
from provider.dataset.entity_statement import EntityStatement
from provider.dataset.person import PERSON
from provider.dataset.record_reader import DatabaseDataset, RecordReader, driver_conversions, filled_fields


class EntityDataset(DatabaseDataset):
    """A dataset over the table of an entity: the newest record of a person, as it was stored, or a list of them.

    A person is looked up by phone, email, customer id and the entity's own key, if that is a single field; the first in
    this order that matches anybody counts. When the key has several fields, the others are parameters that narrow the
    lookup, for example to one type of address. `record` names the fields to show, by default all; each custom field is
    a field. `name` is by default the entity's. `shape="list"` answers {"total": n, "items": [...]} with up to `limit`
    items, the newest first.
    """

    def __init__(
        self,
        object_type: str,
        *,
        name: str | None = None,
        record: Sequence[str] | None = None,
        shape: str = "object",
        limit: int = 100,
        example: Mapping[str, str] | None = None,
    ) -> None:
        self._declare(name=name or object_type, identifiers=tuple(PERSON), example=example, shape=shape, limit=limit)
        known = ", ".join(DOCUMENTED)
        self._refuse(
            {f"{object_type!r} is no entity that is stored. Those are: {known}.": object_type not in DOCUMENTED}
        )
        self.entity = entity = DOCUMENTED[object_type]
        self._custom = {key: field for key, field in entity.fields.items() if isinstance(field, CustomFields)}
        self._shown = record
        if len(entity.key) == 1:
            self.identifiers = tuple(dict.fromkeys((*PERSON, *entity.key)))
        elif narrowing := [field for field in entity.key if field not in PERSON]:
            self.parameters = Schema.from_dict({field: schema_fields.String() for field in narrowing})()
        unknown = next((field for field in record or () if not self._is_field(field)), None)
        self._refuse(
            {
                f"{self.name} has an empty record. Name the fields it shows.": record is not None and not record,
                f"{object_type} has no field {unknown!r}. It has: {', '.join(self._all_fields)}.": unknown is not None,
            }
        )
        self.description = str(entity.__doc__).partition("\n")[0]

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields; of each type of custom fields, the first one."""
        return self._all_fields if self._shown is None else list(self._shown)

    @property
    def _all_fields(self) -> list[str]:
        return [self._custom[name].first if name in self._custom else name for name in self.entity.fields]

    def declares(self, name: str) -> bool:
        """Return whether the record may have a field; every custom field is one."""
        return self._is_field(name) if self._shown is None else name in self._shown

    def _is_field(self, name: str) -> bool:
        if name in self.entity.fields:
            return name not in self._custom
        return any(kind.names.fullmatch(name) for kind in self._custom.values())

    def _selects(self, column: str) -> bool:
        """Return whether the record shows a column, or custom fields in it."""
        if self._shown is None or column in self._shown:
            return True
        return column in self._custom and any(self._custom[column].names.fullmatch(name) for name in self._shown)

    def reader(self, source: Source) -> RecordReader:
        """Prepare the statements; ConfigurationError when the table is not there, SourceUnavailable."""
        columns = [name for name in self.entity.fields if self._selects(name)]
        statement = EntityStatement(
            source.engine.dialect,
            self.entity.object_type,
            columns=columns,
            identifiers=self.identifiers,
            limit=self.limit,
        )
        fields = list(zip(columns, driver_conversions(source, statement), strict=True))
        maps = [name for name in columns if name in self._custom]

        def record(row: Sequence[Any]) -> Found:
            found = filled_fields(fields, row)
            for name in maps:
                members = found.pop(name, {})
                found |= {member: value for member, value in members.items() if value is not None and value != ""}
            return found if self._shown is None else {name: found[name] for name in found if name in self._shown}

        return RecordReader(source, statement, record, shape=self.shape)
