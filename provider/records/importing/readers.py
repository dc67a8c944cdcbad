"""Files as rows: CSV, JSON Lines and Excel, one row at a time, whatever their size."""

from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from provider.errors import ConfigurationError
from provider.records.importing.delimited import read_delimited
from provider.records.importing.encoding import is_sound, open_text
from provider.records.importing.excel import open_sheet
from provider.records.importing.file_rows import Broken, Numbered

DELIMITED = frozenset({".csv", ".tsv", ".txt"})
JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
EXCEL = frozenset({".xlsx", ".xlsm"})
REJECTED = ("row", "reason", "record")
"""The columns by which rejected rows of JSON Lines are kept, to be read again once they are mended."""


class Rows(Iterator[Numbered]):
    """The rows of a file: each with its number, as a person counts them, and its cells by header.

    A row that cannot be read as one is a `Broken`; blank rows are left out. `headers` are the columns' names, None for
    JSON Lines, whose every row has its own. `separator` stands between cells of text. `size` is how much there is to
    read, None when that is not known, and `position` how far reading has come, both in bytes or in rows. Close it, or
    use it as a context, unless read to its end.
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
        self._rows: Generator[Numbered]
        if kind in EXCEL:
            self.size, self.headers, self._rows = open_sheet(path)
            self._beneath = None
            self._at = 0
            return
        text, self._beneath = open_text(path)
        self.size = path.stat().st_size
        self._text = text
        try:
            if kind in JSON_LINES:
                self._rows = _read_lines(text, path.name)
            else:
                self.headers, self.separator, self._rows = read_delimited(text, path)
                if tuple(self.headers) == REJECTED:
                    self.headers, self._rows = None, _read_rejected(self._rows)
        except ConfigurationError:
            text.close()
            raise

    @property
    def position(self) -> int:
        """How far reading has come, of `size`."""
        if self._beneath is None:
            return self._at
        return self.size or 0 if self._beneath.closed else self._beneath.tell()

    def __next__(self) -> Numbered:
        try:
            row = next(self._rows)
        except BaseException:
            self.close()
            raise
        if self._beneath is None:
            self._at = row[0]
        return row

    def close(self) -> None:
        """Leave the file."""
        self._rows.close()
        if self._beneath is not None:
            self._text.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> Rows:
    """Read a file by the kind its name ends with; ConfigurationError says why it cannot be read."""
    return Rows(path)


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


def _read_lines(lines: Iterator[str], name: str) -> Generator[Numbered]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if text in ("[", "{") or text.startswith("[{"):
            raise ConfigurationError(
                f"{name} is not JSON Lines. Write one record a line: jq -c '.[]' {name} > records.jsonl, for instance."
            )
        yield number, _record(text)


def _read_rejected(rows: Generator[Numbered]) -> Generator[Numbered]:
    for number, row in rows:
        yield number, row if isinstance(row, Broken) else _record(row["record"])


def _record(text: str) -> dict[str, Any]:
    if not is_sound(text):
        return Broken({"": text}, "holds bytes that are no text: save the file in UTF-8")
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Broken({"": text}, "is not JSON")
    return record if isinstance(record, dict) else Broken({"": text}, "is no JSON object")
