"""Origins: where the records of a push come from. An origin is kept with its push, so that it can be read again."""

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from provider.auth.keys import derive_key
from provider.contract.entities import ENTITIES
from provider.contract.record import flat
from provider.database.sources import Sources
from provider.dataset import TableDataset
from provider.dataset.discover import discover
from provider.errors import ConfigurationError
from provider.ingestion.push.batches import Read
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.readers import EXCEL, FileRows
from provider.records.importing.row_conversion import RowConversion
from provider.settings import Settings
from provider.store.entity_tables import TABLES, record_of

_READ_LIMIT = 3600.0
"""Seconds a query may take: it reads a whole table."""

_ROWS = 500
"""Rows that are fetched at a time."""

Origin = dict[str, Any]

Convert = Callable[[Mapping[str, Any]], tuple[dict[str, Any], dict[str, str]]]
"""Makes a record of a row, and says what of it could not be converted, by field."""


def file_origin(path: Path) -> Origin:
    """Describe a file, so that a later look at it tells whether it is the same; ConfigurationError."""
    try:
        with path.open("rb") as file:
            digest, lines = hashlib.sha256(), 0
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                lines += chunk.count(b"\n")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
    counted = None if path.suffix.lower() in EXCEL else lines  # what is packed has no lines
    return {"kind": "file", "path": str(path.resolve()), "sha256": digest.hexdigest(), "lines": counted}


def stored_origin(since: datetime | None) -> Origin:
    """Describe the records of an entity's own table, all or those stored since."""
    return {"kind": "stored", "since": since and since.isoformat()}


def dataset_origin(names: Sequence[str]) -> Origin:
    """Describe all rows of datasets."""
    return {"kind": "dataset", "names": list(names)}


def sql_origin(sql: str, source: str) -> Origin:
    """Describe the rows of a query on a source."""
    return {"kind": "sql", "sql": sql, "source": source}


def describe(origin: Origin) -> str:
    """Name an origin for people."""
    match origin["kind"]:
        case "file":
            return f"file {Path(origin['path']).name}"
        case "stored":
            return f"stored since {origin['since']}" if origin["since"] else "stored"
        case "dataset":
            return f"dataset {', '.join(origin['names'])}"
    return f"SQL on {origin['source']}"


def is_query(origin: Origin) -> bool:
    """Tell a query from a file: only a file has the same records in the same places when it is read again."""
    return str(origin["kind"]) != "file"


def open_origin(
    origin: Origin, object_type: str, *, settings: Settings, engine: Engine, skip: int = 0
) -> Generator[Read]:
    """Read the records, those of a file after the first `skip`; ConfigurationError for what cannot be read.

    What can be known to be wrong is raised at once, not when the first record is asked for. Close it.
    """
    match origin["kind"]:
        case "file":
            return _of_file(Path(origin["path"]), _conversion(object_type, settings), skip)
        case "stored":
            return _stored(object_type, engine, origin["since"])
        case "dataset":
            return _of_datasets(origin["names"], object_type, settings)
    return _of_query(origin["source"], origin["sql"], object_type, settings)


def check_unchanged(origin: Origin) -> None:
    """Make sure that a file is the one whose reading was interrupted; ConfigurationError when it is not."""
    if file_origin(Path(origin["path"])) != origin:
        raise ConfigurationError(
            f"{origin['path']} has changed since this push began, so it cannot be read on. "
            "Put the old file back, or begin a new push: what Pango has already is only overwritten."
        )


def _of_file(path: Path, convert: Convert, skip: int) -> Generator[Read]:
    rows = FileRows(path)

    def records() -> Generator[Read]:
        with rows:
            for position, (number, row) in enumerate(rows):
                if position >= skip:
                    yield _read(f"row {number}", row, convert)

    return records()


def _stored(object_type: str, engine: Engine, since: str | None) -> Generator[Read]:
    if object_type not in TABLES:
        raise ConfigurationError(f"No {object_type} is stored here. There are: {', '.join(TABLES)}.")
    table, entity = TABLES[object_type], ENTITIES[object_type]
    chosen = select(table).order_by(table.c.row_id)
    if since:
        chosen = chosen.where(table.c.stored_at >= datetime.fromisoformat(since))

    def records() -> Generator[Read]:
        with engine.connect() as connection:
            rows = connection.execution_options(yield_per=_ROWS).execute(chosen)
            for row in rows.mappings():
                yield Read(f"row {row['row_id']}", record_of(entity, dict(row)))

    return records()


def _of_datasets(names: Sequence[str], object_type: str, settings: Settings) -> Generator[Read]:
    known = discover(settings.datasets)
    chosen: list[TableDataset] = []
    for name in names:
        if name not in known:
            raise ConfigurationError(f"There is no dataset {name!r}. There are: {', '.join(known)}.")
        dataset = known[name]
        if not isinstance(dataset, TableDataset):
            raise ConfigurationError(f"Dataset {name} is a function that finds one person: it has no rows to push.")
        chosen.append(dataset)
    sources, convert = Sources(settings.sources, limit=_READ_LIMIT), _conversion(object_type, settings)
    hash_key = derive_key(settings.require_secret_key(), "masks")
    for dataset in chosen:
        dataset.prepare(sources, hash_key=hash_key)

    def records() -> Generator[Read]:
        try:
            for dataset in chosen:
                for number, record in enumerate(dataset.all(), 1):
                    yield _read(f"{dataset.name}, row {number}", record, convert)
        finally:
            _close(sources)

    return records()


def _of_query(name: str, sql: str, object_type: str, settings: Settings) -> Generator[Read]:
    sources, convert = Sources(settings.sources, limit=_READ_LIMIT), _conversion(object_type, settings)
    source = sources[name]

    def records() -> Generator[Read]:
        try:
            for number, row in enumerate(source.stream(sql), 1):
                yield _read(f"row {number}", _plain(dict(row)), convert)
        finally:
            _close(sources)

    return records()


def _close(sources: Sources) -> None:
    for source in sources.opened():
        source.engine.dispose()


def _conversion(object_type: str, settings: Settings) -> Convert:
    """Say how rows become records; those of a type nobody knows are taken as they are."""
    entity = ENTITIES.get(object_type)
    if entity is None:
        return lambda row: ({}, {"": row.reason}) if isinstance(row, BrokenRow) else (dict(row), {})
    return RowConversion(entity, {}, region=settings.phone_region, keeps_unknown=True)


def _read(place: str, row: Mapping[str, Any], convert: Convert) -> Read:
    record, problems = convert(row)
    return Read(place, record or dict(row), problems)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a query's values as JSON has them, but for times and what is nested, which a field may want as they are."""
    kept = {name: value for name, value in row.items() if isinstance(value, (date, list, dict))}
    return {**flat({name: value for name, value in row.items() if name not in kept}), **kept}
