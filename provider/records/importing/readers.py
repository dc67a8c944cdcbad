"""Reads CSV, JSON Lines and Excel files row by row; a file may have any size."""

from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from provider.errors import ConfigurationError
from provider.records.importing.delimited import read_delimited
from provider.records.importing.encoding import is_decodable, open_text
from provider.records.importing.excel import open_sheet
from provider.records.importing.file_rows import BrokenRow, NumberedRow

DELIMITED = frozenset({".csv", ".tsv", ".txt"})
JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
EXCEL = frozenset({".xlsx", ".xlsm"})
REJECTED = ("row", "reason", "record")
"""The columns of the file of rejected rows of JSON Lines. It can be imported again, once it is corrected."""


class FileRows(Iterator[NumberedRow]):
    """The rows of a file: each with its number and its cells by header.

    A row that cannot be read is a `BrokenRow`; blank rows are left out. `headers` are the names of the columns, None
    for JSON Lines, where each row has names of its own. `separator` is the character between cells. `size` is the
    length of the file, None when unknown, and `position` how far it was read: in bytes, for Excel in rows. Close the
    rows, or use them in a `with`, unless they are read to the end.
    """

    def __init__(self, path: Path) -> None:
        """Open a file; ConfigurationError says why it cannot be read."""
        _require_file(path)
        kind = path.suffix.lower()
        if kind not in DELIMITED | JSON_LINES | EXCEL:
            raise ConfigurationError(
                f"{path.name} is of no kind that can be read: .csv, .tsv, .txt, .jsonl, .ndjson, .json or .xlsx."
            )
        self.headers: list[str] | None = None
        self.separator = ","
        self._rows: Generator[NumberedRow]
        if kind in EXCEL:
            self.size, self.headers, self._rows = open_sheet(path)
            self._raw = None
            self._at = 0
            return
        text, self._raw = open_text(path)
        self.size = path.stat().st_size
        self._text = text
        try:
            if kind in JSON_LINES:
                self._rows = _read_json_lines(text, path.name)
            else:
                self.headers, self.separator, self._rows = read_delimited(text, path)
                if tuple(self.headers) == REJECTED:
                    self.headers, self._rows = None, _read_rejected(self._rows)
        except ConfigurationError:
            text.close()
            raise

    @property
    def position(self) -> int:
        """How far the file was read, of `size`."""
        if self._raw is None:
            return self._at
        return self.size or 0 if self._raw.closed else self._raw.tell()

    def __next__(self) -> NumberedRow:
        try:
            row = next(self._rows)
        except BaseException:
            self.close()
            raise
        if self._raw is None:
            self._at = row[0]
        return row

    def close(self) -> None:
        """Close the file."""
        self._rows.close()
        if self._raw is not None:
            self._text.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder. Give a file.")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise ConfigurationError(f"{path.name} is empty.")
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {path}.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


def _read_json_lines(lines: Iterator[str], name: str) -> Generator[NumberedRow]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if text in ("[", "{") or text.startswith("[{"):
            raise ConfigurationError(
                f"{name} is not JSON Lines. Write one record a line: jq -c '.[]' {name} > records.jsonl, for instance."
            )
        yield number, _parse_record(text)


def _read_rejected(rows: Generator[NumberedRow]) -> Generator[NumberedRow]:
    for number, row in rows:
        yield number, row if isinstance(row, BrokenRow) else _parse_record(row["record"])


def _parse_record(text: str) -> dict[str, Any]:
    if not is_decodable(text):
        return BrokenRow({"": text}, "holds bytes that are no text: save the file in UTF-8")
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return BrokenRow({"": text}, "is not JSON")
    return record if isinstance(record, dict) else BrokenRow({"": text}, "is no JSON object")
