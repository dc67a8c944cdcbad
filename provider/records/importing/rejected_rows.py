"""The file of rejected rows, each with its reason: to be corrected and imported again."""

import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from provider.errors import ConfigurationError
from provider.records.importing.field_values import write_cell
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.readers import REJECTED, FileRows

_BOM = "\ufeff"
"""The byte order mark, by which Excel recognises UTF-8."""

Rejection = tuple[int, Mapping[str, Any], str]
"""A row's number, the row, and why it was rejected."""


class RejectedFile:
    """`FILE.rejected.csv`: the columns of the file, and the reason at the end. The first rejected row creates it.

    Records of JSON Lines have no common columns: for them it has the row number, the reason and the record.
    """

    def __init__(self, source: Path, rows: FileRows, reason_header: str, *, kept: int) -> None:
        """Open the file of an interrupted run, of which `kept` bytes count; with 0, delete a file of an earlier run."""
        self._source = source
        self.path = path = rejected_path(source)
        self._headers = None if rows.headers is None else [name for name in rows.headers if name != reason_header]
        self._columns = REJECTED if self._headers is None else [*self._headers, reason_header]
        self._separator = rows.separator
        self._file: BinaryIO | None = None
        if kept:
            self._file = path.open("r+b")
            self._file.truncate(kept)
        else:
            path.unlink(missing_ok=True)

    def write(self, rejections: Sequence[Rejection], *, after: int) -> int:
        """Write rows after the first `after` bytes, in place of what is there; return the bytes that are on the disk.

        A batch that is tried again writes its rows again.
        """
        if not rejections:
            return after
        text = io.StringIO(newline="")
        if not after:
            text.write(_BOM)
            csv.writer(text, delimiter=self._separator).writerow(self._columns)
        writer = csv.writer(text, delimiter=self._separator)
        for number, row, reason in rejections:
            writer.writerow(self._line(number, row, reason))
        try:
            if self._file is None:
                self._file = self.path.open("wb")
                shutil.copymode(self._source, self.path)  # the same people may read it
            self._file.seek(after)
            self._file.truncate()
            self._file.write(text.getvalue().encode("utf-8", "replace"))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be written: {error.strerror}.") from None
        return self._file.tell()

    def _line(self, number: int, row: Mapping[str, Any], reason: str) -> Sequence[Any]:
        beyond = row.beyond if isinstance(row, BrokenRow) else ()
        if self._headers is None:
            return [number, reason, row[""] if isinstance(row, BrokenRow) else orjson.dumps(row).decode()]
        return [*(write_cell(row.get(header)) for header in self._headers), reason, *map(write_cell, beyond)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def rejected_path(source: Path) -> Path:
    """Return the path of a file's rejected rows."""
    return source.with_name(f"{source.name}.rejected.csv")


def can_continue(source: Path, kept: int) -> bool:
    """Say whether the file of rejected rows still has the `kept` bytes it had when the import was interrupted."""
    path = rejected_path(source)
    return not kept or (path.is_file() and path.stat().st_size >= kept)
