"""Records and the files they come in, and the database they go to."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import orjson
from sqlalchemy import Engine, func, select

from provider.contract.entities import DOCUMENTED, fields
from provider.records.importing.import_progress import ImportCounts
from provider.records.importing.import_run import ImportOptions, ImportRun
from provider.store.entity_tables import TABLES, record_of
from provider.store.import_table import Import

MEMBERSHIP = "customer-membership"


@dataclass(frozen=True)
class Store:
    """A migrated provider database, and imports into it."""

    url: str
    engine: Engine

    def load(self, file: Path, object_type: str = MEMBERSHIP, *, dry_run: bool = False, **options: Any) -> ImportCounts:
        """Import a file; give what became of its rows."""
        how = ImportOptions(**({"region": "VN"} | options))
        importing = ImportRun(self.engine, DOCUMENTED[object_type], file, how, dry_run=dry_run)
        importing.run(lambda *_: None)
        return importing.counts

    def rows(self, object_type: str = MEMBERSHIP) -> list[dict[str, Any]]:
        """Give the rows of a table in the order of their first coming."""
        table = TABLES[object_type]
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table).order_by(table.c.row_id)).mappings()]

    def records(self, object_type: str = MEMBERSHIP) -> list[dict[str, Any]]:
        """Give the records of a table in the order of their first coming."""
        return [record_of(DOCUMENTED[object_type], row) for row in self.rows(object_type)]

    def unfinished_imports(self) -> int:
        """Count the imports that are under way."""
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(Import))


def example(object_type: str) -> dict[str, Any]:
    """Give a whole record: of every field its example, or something of its kind."""
    kinds = {fields.Text: "text", fields.Long: 7, fields.Integer: 7, fields.Double: 1.5, fields.Boolean: True}
    return {
        name: shown
        if (shown := field.metadata["example"]) is not None
        else next(value for kind, value in kinds.items() if isinstance(field, kind))
        for name, field in DOCUMENTED[object_type].fields.items()
    }


def write_csv(file: Path, *rows: dict[str, Any]) -> Path:
    """Write rows as a spreadsheet saves them: lists with ; between, custom fields each in a column of their own."""
    flat = [dict(_flat(row)) for row in rows]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    file.write_text(text.getvalue(), encoding="utf-8", newline="")
    return file


def write_lines(file: Path, *rows: dict[str, Any]) -> Path:
    """Write rows as JSON Lines."""
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return file


def write_excel(file: Path, *rows: dict[str, Any]) -> Path:
    """Write rows as an Excel file."""
    flat = [dict(_flat(row, number=lambda value: value)) for row in rows]
    write_sheet(file, list(flat[0]), *(list(row.values()) for row in flat))
    return file


def write_sheet(file: Path, *rows: Sequence[Any]) -> Path:
    """Write cells as an Excel file."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(file)
    book.close()
    return file


def _flat(row: dict[str, Any], number: Callable[[Any], Any] = str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat({f"{name}.{member}": part for member, part in value.items()}, number)
        elif isinstance(value, list):
            yield name, "; ".join(value)
        else:
            yield name, value if isinstance(value, str) else number(value)


def rejected_rows(file: Path) -> list[dict[str, str]]:
    """Read the file of rejected rows beside a file."""
    with file.with_name(f"{file.name}.rejected.csv").open(encoding="utf-8-sig", newline="") as rejected:
        return list(csv.DictReader(rejected))
