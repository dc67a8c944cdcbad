"""TableDataset: a table, a view or a selection of a source, declared and not programmed."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from sqlalchemy import FromClause, Select

from provider.database.sources import Source, Sources
from provider.dataset.base import Dataset, Found, Query
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.lookup_statement import MATCHES, SEVERAL, Rules
from provider.dataset.selection import Selection
from provider.errors import ConfigurationError, SourceUnavailable

SHAPES = ("object", "list")

PATIENCE = 0.5
"""Seconds a lookup waits while another one prepares the dataset."""


class TableDataset(Dataset):
    """A dataset over a table or a view, reflected at the start, or over a selection of several.

    `identifiers` names the column each identifier is compared with; `record` the column each field of the record comes
    from, or a Field or a Constant: no other column leaves the service. `where` are fixed conditions: a column and the
    value, the list of values or the None it must have. Several identifiers at once: `match` is `first` (the first in
    order that matches anybody), `any` or `all`. Several matching rows: the one with the latest `newest_by`; without it
    `several` decides, `error` (the answer is Ambiguous) or `first`. `shape="list"` answers {"total": n, "items": [...]}
    with up to `limit` items, for callers who want more than Pango's flat object.
    """

    def __init__(  # noqa: PLR0913 -- the vocabulary of a declaration
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
        self._describe(name=name, identifiers=tuple(identifiers), example=example)
        self.source_name = source
        self.table_name = table
        self.schema = schema
        self.columns = {key: Column(it) if isinstance(it, str) else it for key, it in identifiers.items()}
        self.record = {key: Field(it) if isinstance(it, str) else it for key, it in record.items()}
        self.newest_by = newest_by
        self._select = select
        self.rules = Rules(
            match=match,
            several=several or ("newest" if newest_by else "error"),
            limit=limit if shape == "list" else 0,
            newest_by=newest_by,
            where=dict(where or {}),
        )
        self.shape = shape
        self._check()
        self._sources: Sources | None = None
        self._selection: Selection | None = None
        self._preparing = Lock()

    def _check(self) -> None:
        rules, one_origin = self.rules, (self.table_name is None) != (self._select is None)
        problems = {
            f"{self.name} has an empty record. Name the columns it shows.": not self.record,
            f"{self.name} takes either table= or select=. Correct the file.": not one_origin,
            f"match cannot be {rules.match!r}. Choose among: {', '.join(MATCHES)}.": rules.match not in MATCHES,
            f"several cannot be {rules.several!r}. Choose among: {', '.join(SEVERAL)}.": rules.several not in SEVERAL,
            "several='newest' needs newest_by=, a column.": rules.several == "newest" and not self.newest_by,
            f"shape cannot be {self.shape!r}. Choose among: {', '.join(SHAPES)}.": self.shape not in SHAPES,
            "limit must be a number of items, at least 1.": self.shape == "list" and rules.limit < 1,
        }
        for problem, there in problems.items():
            if there:
                raise ConfigurationError(f"{self.where}: {problem}")

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields."""
        return list(self.record)

    def prepare(self, sources: Sources, *, hash_key: bytes = b"") -> None:
        """Reflect the table and prepare the statements.

        ConfigurationError names what the settings or the database lack. SourceUnavailable when the database does not
        answer now: the first lookup after its return prepares the dataset.
        """
        self._sources, self.hash_key = sources, hash_key
        self._selection = self._prepared(sources)

    def _prepared(self, sources: Sources) -> Selection:
        try:
            return self.select(sources[self.source_name], hash_key=self.hash_key)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.where}: {error}") from None

    def select(self, source: Source, *, hash_key: bytes = b"") -> Selection:
        """Reflect the table and prepare its statements; ConfigurationError, SourceUnavailable."""
        return Selection(
            source,
            self.chosen(source),
            record=self.record,
            identifiers=self.columns,
            rules=self.rules,
            hash_key=hash_key,
        )

    def chosen(self, source: Source) -> FromClause:
        """Give what is looked into, a table as the database describes it; ConfigurationError, SourceUnavailable."""
        if self._select is not None:
            return self._select.subquery("selected")
        return source.describe(str(self.table_name), self.schema)

    def fetch(self, query: Query) -> Found | None:
        """Find the rows a query asks for, None when nobody matches; Ambiguous, SourceUnavailable, Timeout."""
        return (self._selection or self._prepare_late())(query)

    def all(self) -> Iterator[dict[str, Any]]:
        """Give the records of all rows, whoever they are of; ConfigurationError, SourceUnavailable."""
        return (self.show(found, None) for found in (self._selection or self._prepare_late()).all())

    def _prepare_late(self) -> Selection:
        """Prepare the dataset in the first lookup after the database's return, once however many come together."""
        if self._sources is None:
            raise RuntimeError(f"{self.where}: {self.name} is used before it is prepared")
        if not self._preparing.acquire(timeout=PATIENCE):
            raise SourceUnavailable
        try:
            self._selection = self._selection or self._prepared(self._sources)
        except ConfigurationError as error:
            raise SourceUnavailable from error
        finally:
            self._preparing.release()
        return self._selection

    def answer(self, found: Mapping[str, Any], visible: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Shape what was found: only declared columns were selected."""
        if self.shape == "list":
            return {"total": found["total"], "items": [self.show(item, visible) for item in found["items"]]}
        return self.show(found, visible)
