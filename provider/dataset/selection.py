"""Selection: runs the one statement of a lookup, and makes records of its rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import FromClause

from provider.database.sources import Source
from provider.dataset.base import Found, Query
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.conversion import driver_conversion
from provider.dataset.lookup_statement import LookupStatement, Rules
from provider.errors import Ambiguous


class Selection:
    """The lookups in one table of a source: their prepared statements, and the records made of the rows."""

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
        dialect = source.engine.dialect
        self.source = source
        self.statement = statement = LookupStatement(
            dialect, chosen, fields=fields, identifiers=identifiers, rules=rules
        )
        self._constants = {name: field.value for name, field in record.items() if isinstance(field, Constant)}
        description = source.check(*statement.for_check())
        self._fields = [
            (name, field.steps(driver_conversion(column.type, dialect, described[1]), hash_key))
            for (name, field), column, described in zip(fields.items(), statement.columns, description, strict=False)
        ]
        for key in identifiers:
            statement.prepared((key,))

    def __call__(self, query: Query) -> Found | None:
        """Find what a query asks for; Ambiguous, SourceUnavailable, Timeout."""
        asked = self.statement.for_query(query)
        if asked is None:
            return None
        _, rows = self.source.fetch(*asked, self.statement.most)
        if not rows:
            return None
        if self.statement.rules.limit:
            first = [row for row in rows if row[-1] == rows[0][-1]]
            return {"total": first[0][-2], "items": [self._record(row) for row in first]}
        if len(rows) > 1 and self.statement.rules.several == "error" and rows[0][-1] == rows[1][-1]:
            raise Ambiguous
        return self._record(rows[0])

    def all(self) -> Iterator[Found]:
        """Give the records of all rows; ConfigurationError, SourceUnavailable."""
        return (self._record(tuple(row.values())) for row in self.source.stream(self.statement.every_row()))

    def _record(self, row: Sequence[Any]) -> Found:
        record = {
            name: convert(value) if convert and value is not None else value
            for (name, convert), value in zip(self._fields, row, strict=False)
        }
        return record | self._constants if self._constants else record
