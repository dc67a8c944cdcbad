"""EntityDataset: what the provider database holds of a person in one of Pango's entities."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema
from marshmallow import fields as schema_fields

from provider.contract.entities import DOCUMENTED
from provider.contract.entities.fields import CustomFields
from provider.database.sources import OWN, Sources
from provider.dataset.base import Dataset, Found, Query
from provider.dataset.person import PERSON
from provider.dataset.stored import Stored
from provider.dataset.table import SHAPES
from provider.errors import ConfigurationError


class EntityDataset(Dataset):
    """A dataset over the table of an entity: the newest record of a person, as it was stored, or a list of them.

    A person is looked up by phone, email, customer id and, where it is a single field, the entity's own key: the first
    in this order that matches anybody counts. The other fields of a key of several narrow the lookup, for instance to
    one type of address. `record` names the fields to show, all of the entity's unless given; the members of its maps of
    custom fields are fields of their own. `name` is the entity's unless given. `shape="list"` answers
    {"total": n, "items": [...]} with up to `limit` items, the newest first.
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
        self._describe(name=name or object_type, identifiers=tuple(PERSON), example=example)
        if object_type not in DOCUMENTED:
            known = ", ".join(DOCUMENTED)
            raise ConfigurationError(f"{self.where}: {object_type!r} is no entity that is stored. Those are: {known}.")
        self.entity = entity = DOCUMENTED[object_type]
        self.shape = shape
        self.limit = limit
        self._maps = {key: field for key, field in entity.fields.items() if isinstance(field, CustomFields)}
        self._shown = record
        if len(entity.key) == 1:
            self.identifiers = tuple(dict.fromkeys((*PERSON, *entity.key)))
        elif narrowing := [field for field in entity.key if field not in PERSON]:
            self.parameters = Schema.from_dict({field: schema_fields.String() for field in narrowing})()
        self._check()
        self.description = str(entity.__doc__).partition("\n")[0]
        self._stored: Stored | None = None

    def _check(self) -> None:
        unknown = next((name for name in self._shown or () if not self._has(name)), None)
        problems = {
            f"{self.name} has an empty record. Name the fields it shows.": self._shown is not None and not self._shown,
            f"{self.entity.object_type} has no field {unknown!r}. It has: {', '.join(self._all)}.": unknown is not None,
            f"shape cannot be {self.shape!r}. Choose among: {', '.join(SHAPES)}.": self.shape not in SHAPES,
            "limit must be a number of items, at least 1.": self.limit < 1,
        }
        for problem, there in problems.items():
            if there:
                raise ConfigurationError(f"{self.where}: {problem}")

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields; of each map of custom fields, the first member."""
        return self._all if self._shown is None else list(self._shown)

    @property
    def _all(self) -> list[str]:
        return [self._maps[name].first if name in self._maps else name for name in self.entity.fields]

    def declares(self, name: str) -> bool:
        """Tell whether the record may have a field: every member of the maps of custom fields is one."""
        return self._has(name) if self._shown is None else name in self._shown

    def _has(self, name: str) -> bool:
        if name in self.entity.fields:
            return name not in self._maps
        return any(kind.names.fullmatch(name) for kind in self._maps.values())

    def _selects(self, column: str) -> bool:
        """Tell whether anything of a column is shown."""
        if self._shown is None or column in self._shown:
            return True
        return column in self._maps and any(self._maps[column].names.fullmatch(name) for name in self._shown)

    def prepare(self, sources: Sources, *, hash_key: bytes = b"") -> None:
        """Prepare the statements; ConfigurationError when the table is not there, SourceUnavailable."""
        self.hash_key = hash_key
        self._stored = Stored(
            sources[OWN],
            self.entity,
            columns=[name for name in self.entity.fields if self._selects(name)],
            identifiers=self.identifiers,
            limit=self.limit if self.shape == "list" else 0,
        )

    def fetch(self, query: Query) -> Found | None:
        """Find a person's newest record, or their list; None when nobody matches. SourceUnavailable, Timeout."""
        if self._stored is None:
            raise RuntimeError(f"{self.where}: {self.name} is used before it is prepared")
        return self._stored(query)

    def answer(self, found: Mapping[str, Any], visible: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Shape what was found: of a person's records, the declared fields."""
        if self.shape == "list":
            return {"total": found["total"], "items": [self._declared(item, visible) for item in found["items"]]}
        return self._declared(found, visible)

    def _declared(self, record: Mapping[str, Any], visible: Mapping[str, str | None] | None) -> dict[str, Any]:
        if self._shown is not None:
            record = {name: value for name, value in record.items() if name in self._shown}
        return self.show(record, visible)
