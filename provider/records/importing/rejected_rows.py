"""The file of rejected rows: what could not be stored and why, to be mended and imported again."""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from provider.errors import ConfigurationError
from provider.records.importing.field_values import written_out
from provider.records.importing.file_rows import Broken
from provider.records.importing.readers import REJECTED, Rows

_MARK = "\ufeff"
"""By this Excel knows UTF-8."""

Rejection = tuple[int, Mapping[str, Any], str]
"""A row's number, the row, and why it was rejected."""


class RejectedFile:
    """`FILE.rejected.csv`: the columns of the file, and why at the end. It is there once there is something in it.

    Records of JSON Lines have no columns in common: theirs are the row, the reason and the record.
    """

    def __init__(self, source: Path, rows: Rows, title: str, *, kept: int) -> None:
        """Go on with the first `kept` bytes of the file, or without it; `title` is the column of reasons."""
        self._source = source
        self.path = path = rejected_path(source)
        self._headers = None if rows.headers is None else [name for name in rows.headers if name != title]
        self._titles = REJECTED if self._headers is None else [*self._headers, title]
        self._separator = rows.separator
        self._file: BinaryIO | None = None
        self.bytes = kept
        if kept:
            self._file = path.open("r+b")
            self._file.truncate(kept)
            self._file.seek(kept)
        else:
            path.unlink(missing_ok=True)

    def write(self, rejections: Iterable[Rejection]) -> None:
        """Add rows, so that they are on the disk; `bytes` is how long the file is then."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self._separator)
        for number, row, reason in rejections:
            writer.writerow(self._line(number, row, reason))
        if not text.tell():
            return
        try:
            if self._file is None:
                self._file = self.path.open("wb")
                shutil.copymode(self._source, self.path)  # who may not read the file may not read this one
                start = io.StringIO(newline="")
                csv.writer(start, delimiter=self._separator).writerow(self._titles)
                self._file.write((_MARK + start.getvalue()).encode())
            self._file.write(text.getvalue().encode("utf-8", "replace"))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be written: {error.strerror}.") from None
        self.bytes = self._file.tell()

    def _line(self, number: int, row: Mapping[str, Any], reason: str) -> Sequence[Any]:
        beyond = row.beyond if isinstance(row, Broken) else ()
        if self._headers is None:
            return [number, reason, row[""] if isinstance(row, Broken) else orjson.dumps(row).decode()]
        return [*(written_out(row.get(header)) for header in self._headers), reason, *map(written_out, beyond)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def rejected_path(source: Path) -> Path:
    """Name the file of a file's rejected rows."""
    return source.with_name(f"{source.name}.rejected.csv")


def can_go_on(source: Path, kept: int) -> bool:
    """Tell whether the rejected file still has what it had when an import was interrupted."""
    path = rejected_path(source)
    return not kept or (path.is_file() and path.stat().st_size >= kept)
