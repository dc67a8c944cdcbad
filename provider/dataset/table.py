"""TableDataset: a table, a view or a selection of a source, declared and not programmed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import FromClause, MetaData, Select, Table
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from provider.dataset.base import Dataset, Query
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.selection import MATCHES, SEVERAL, Found, Rules, Selection
from provider.errors import ConfigurationError, SourceUnavailable
from provider.sources import Source, Sources, is_down, is_timeout, setting

SHAPES = ("object", "list")


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
        self.where_conditions = dict(where or {})
        self._select = select
        self._rules = Rules(
            match=match,
            several=several or ("newest" if newest_by else "error"),
            limit=limit if shape == "list" else 0,
        )
        self._shape = shape
        self._check()
        self._sources: Sources | None = None
        self._selection: Selection | None = None

    def _check(self) -> None:
        rules, one_origin = self._rules, (self.table_name is None) != (self._select is None)
        problems = {
            f"{self.name} has an empty record. Name the columns it shows.": not self.record,
            f"{self.name} takes either table= or select=. Correct the file.": not one_origin,
            f"match cannot be {rules.match!r}. Choose among: {', '.join(MATCHES)}.": rules.match not in MATCHES,
            f"several cannot be {rules.several!r}. Choose among: {', '.join(SEVERAL)}.": rules.several not in SEVERAL,
            "several='newest' needs newest_by=, a column.": rules.several == "newest" and not self.newest_by,
            f"shape cannot be {self._shape!r}. Choose among: {', '.join(SHAPES)}.": self._shape not in SHAPES,
            "limit must be a number of items, at least 1.": self._shape == "list" and rules.limit < 1,
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
        try:
            source = sources[self.source_name]
            self._selection = self.select(source, hash_key=hash_key)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.where}: {error}") from None

    def select(self, source: Source, *, hash_key: bytes = b"") -> Selection:
        """Reflect the table and prepare its statements; ConfigurationError, SourceUnavailable."""
        chosen = self._select.subquery("selected") if self._select is not None else self.reflect(source)
        return Selection(
            source,
            chosen,
            record=self.record,
            identifiers=self.columns,
            newest_by=self.newest_by,
            where=self.where_conditions,
            rules=self._rules,
            hash_key=hash_key,
        )

    def reflect(self, source: Source) -> FromClause:
        """Read the table's columns from the database; ConfigurationError, SourceUnavailable."""
        try:
            return Table(
                str(self.table_name), MetaData(), schema=self.schema, autoload_with=source.engine, resolve_fks=False
            )
        except NoSuchTableError:
            name = f"{self.schema}.{self.table_name}" if self.schema else self.table_name
            raise ConfigurationError(
                f"source {source.name!r} has no table or view {name!r}. Correct the name; mind capital letters."
            ) from None
        except SQLAlchemyError as error:
            dialect = source.engine.dialect
            if is_down(error, dialect) or is_timeout(error, dialect):
                raise SourceUnavailable from error
            raise ConfigurationError(
                f"source {source.name!r} refuses to describe {self.table_name!r} ({type(error).__name__}). "
                f"Check {setting(source.name)} and the rights of its user."
            ) from None

    def fetch(self, query: Query) -> Found | None:
        """Find the rows a query asks for, None when nobody matches; Ambiguous, SourceUnavailable, Timeout."""
        if self._selection is None:
            if self._sources is None:
                raise RuntimeError(f"{self.where}: {self.name} is used before it is prepared")
            self._prepare_late(self._sources)
        return self._selection(query) if self._selection else None

    def _prepare_late(self, sources: Sources) -> None:
        try:
            self.prepare(sources, hash_key=self.hash_key)
        except ConfigurationError as error:
            raise SourceUnavailable from error

    def answer(self, found: Mapping[str, Any], visible: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Shape what was found: only declared columns were selected."""
        if self._shape == "list":
            return {"total": found["total"], "items": [self.show(item, visible) for item in found["items"]]}
        return self.show(found, visible)
