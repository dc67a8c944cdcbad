"""TableDataset: a dataset that a partner declares over a table, a view or a selection of a source."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import FromClause, Select

from provider.database.sources import Source
from provider.dataset.base import Found
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.lookup_statement import MATCHES, SEVERAL, LookupStatement, Rules
from provider.dataset.record_reader import DatabaseDataset, RecordReader, driver_conversions


class TableDataset(DatabaseDataset):
    """A dataset over a table or a view, reflected at the start, or over a selection of several.

    `identifiers` gives the column that each identifier is compared with. `record` gives the column of each field, or a
    Field or a Constant; no other column leaves the service. `where` gives columns that must have a value, one of a list
    of values, or None. `match` says what counts when several identifiers are sent: `first` (the first in order that
    matches anybody), `any` or `all`. When several rows match, the one with the latest `newest_by` counts; without
    `newest_by`, `several` decides: `error` (the answer is Ambiguous) or `first`. `shape="list"` answers
    {"total": n, "items": [...]} with up to `limit` items, for callers who want more than Pango's flat object.
    """

    def __init__(  # noqa: PLR0913 -- each option of a declaration
        self,
        *,
        name: str,
        source: str,
        table: str | None = None,
        schema: str | None = None,
        select: Select[Any] | None = None,
        identifiers: Mapping[str, str | Column],
        record: Mapping[str, str | Field | Constant],
        where: Mapping[str, Any] | None = None,
        match: str = "first",
        newest_by: str | None = None,
        several: str | None = None,
        shape: str = "object",
        limit: int = 100,
        example: Mapping[str, str] | None = None,
    ) -> None:
        self._declare(name=name, identifiers=tuple(identifiers), example=example, shape=shape, limit=limit)
        several = several or ("newest" if newest_by else "error")
        self._refuse(
            {
                f"{name} has an empty record. Name the columns it shows.": not record,
                f"{name} takes either table= or select=. Correct the file.": (table is None) == (select is None),
                f"match cannot be {match!r}. Choose among: {', '.join(MATCHES)}.": match not in MATCHES,
                f"several cannot be {several!r}. Choose among: {', '.join(SEVERAL)}.": several not in SEVERAL,
                "several='newest' needs newest_by=, a column.": several == "newest" and not newest_by,
            }
        )
        self.source_name = source
        self.table_name = table
        self.schema = schema
        self.columns = {
            key: Column(column) if isinstance(column, str) else column for key, column in identifiers.items()
        }
        self.record = {name: Field(field) if isinstance(field, str) else field for name, field in record.items()}
        self.rules = Rules(match=match, several=several, limit=self.limit, newest_by=newest_by, where=dict(where or {}))
        self._select = select

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields."""
        return list(self.record)

    def reader(self, source: Source) -> RecordReader:
        """Reflect the table and prepare the statements; ConfigurationError, SourceUnavailable."""
        columns = {name: field for name, field in self.record.items() if isinstance(field, Field)}
        constants = {name: field.value for name, field in self.record.items() if isinstance(field, Constant)}
        self._statement = LookupStatement(
            source.engine.dialect, self.from_clause(source), fields=columns, identifiers=self.columns, rules=self.rules
        )
        fields = [
            (name, field.conversion(driver, self.hash_key))
            for (name, field), driver in zip(columns.items(), driver_conversions(source, self._statement), strict=True)
        ]
        for key in self.identifiers:
            self._statement.prepared((key,))

        def record(row: Sequence[Any]) -> Found:
            found = {
                name: convert(value) if convert and value is not None else value
                for (name, convert), value in zip(fields, row, strict=False)
            }
            return found | constants if constants else found

        return RecordReader(source, self._statement, record, shape=self.shape)

    def from_clause(self, source: Source) -> FromClause:
        """Return the table, view or selection to read from; ConfigurationError, SourceUnavailable."""
        if self._select is not None:
            return self._select.subquery("selected")
        return source.describe(str(self.table_name), self.schema)

    def all(self) -> Iterator[dict[str, Any]]:
        """Return the records of all rows, of all people; ConfigurationError, SourceUnavailable."""
        reader = self._reader or self._prepare_late()
        rows = reader.source.stream(self._statement.every_row())
        return (self.flat_record(reader.record(tuple(row.values())) or {}) for row in rows)
