"""Selection: runs the one statement of a lookup, and makes records of its rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import FromClause, select, type_coerce
from sqlalchemy.types import NullType

from provider.database.sources import Source
from provider.dataset.base import Found, Query
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.conversion import driver_conversion
from provider.dataset.lookup_statement import Rules, Wording
from provider.errors import Ambiguous


class Selection(Wording):
    """The prepared statements of one table of a source, and what becomes of the values they find."""

    def __init__(
        self,
        source: Source,
        chosen: FromClause,
        *,
        record: Mapping[str, Field | Constant],
        identifiers: Mapping[str, Column],
        rules: Rules,
        hash_key: bytes,
    ) -> None:
        fields = {name: field for name, field in record.items() if isinstance(field, Field)}
        super().__init__(source.engine.dialect, chosen, fields=fields, identifiers=identifiers, rules=rules)
        self.source = source
        self._constants = {name: field.value for name, field in record.items() if isinstance(field, Constant)}
        description = source.check(*self.trial())
        self._fields = [
            (name, field.steps(driver_conversion(column.type, self.dialect, described[1]), hash_key))
            for (name, field), column, described in zip(fields.items(), self.columns, description, strict=False)
        ]
        for key in identifiers:
            self.statement((key,))

    def __call__(self, query: Query) -> Found | None:
        """Find what a query asks for; Ambiguous, SourceUnavailable, Timeout."""
        used, values = self.arrange(query)
        if not used or (self.rules.match == "all" and len(used) < self.sent(query)):
            return None
        _, rows = self.source.fetch(self.statement(used), values, self.most)
        if not rows:
            return None
        if self.rules.limit:
            first = [row for row in rows if row[-1] == rows[0][-1]]
            return {"total": first[0][-2], "items": [self._record(row) for row in first]}
        if len(rows) > 1 and self.rules.several == "error" and rows[0][-1] == rows[1][-1]:
            raise Ambiguous
        return self._record(rows[0])

    def all(self) -> Iterator[Found]:
        """Give the records of all rows; ConfigurationError, SourceUnavailable."""
        # The values as the driver gives them, which is what the fields convert.
        columns = [type_coerce(column, NullType()).label(column.name) for column in self.columns]
        rows = select(*columns).select_from(self._chosen).where(*self._where)
        return (self._record(tuple(row.values())) for row in self.source.stream(rows))

    def _record(self, row: Sequence[Any]) -> Found:
        record = {
            name: convert(value) if convert and value is not None else value
            for (name, convert), value in zip(self._fields, row, strict=False)
        }
        return record | self._constants if self._constants else record
