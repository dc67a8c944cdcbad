"""Reads CSV and similar files (RFC 4180), with the separators that spreadsheets and databases write."""

import csv
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from unicodedata import normalize

from provider.errors import ConfigurationError
from provider.records.importing.encoding import is_decodable
from provider.records.importing.file_rows import BrokenRow, NumberedRow, check_headers, row_of_cells

_SEPARATORS = "\t;,|"
"""When two come equally often, the first in this order is taken: a comma is also part of names and numbers."""

_QUOTED = re.compile(r'"[^"]*"')
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""A first line that names the separator for Excel."""

_OPEN_QUOTE = "has a quotation mark that does not end its cell"
_TOO_LONG = f"has a cell of more than {csv.field_size_limit():,} characters"
_UNDECODABLE = "holds bytes that are no text in the file's encoding: save the file in UTF-8"


class _PushbackLines(Iterator[str]):
    """Lines that can be pushed back and read again, so that an open quotation mark costs one row and not the rest."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._pushed_back: deque[str] = deque()
        self.consumed: list[str] = []

    def __next__(self) -> str:
        line = self._pushed_back.popleft() if self._pushed_back else normalize("NFC", next(self._lines))
        self.consumed.append(line)
        return line

    def push_back(self, lines: Sequence[str]) -> None:
        """Make lines be read again."""
        self._pushed_back.extendleft(reversed(lines))


def read_delimited(text: Iterable[str], path: Path) -> tuple[list[str], str, Generator[NumberedRow]]:
    """Return the headers, the separator and the rows below the headers."""
    lines = _PushbackLines(text)
    number, first = _first_line(lines, path.name)
    separator = ""
    if match := _SEP_LINE.fullmatch(first):
        separator = match[1]
        more, first = _first_line(lines, path.name)
        number += more
    lines.push_back([first])
    separator = separator or _find_separator(first) or ("\t" if path.suffix.lower() == ".tsv" else ",")
    rows = csv.reader(lines, delimiter=separator, strict=True)
    try:
        headers = check_headers(next(rows), path.name)
    except csv.Error as error:
        raise ConfigurationError(f"The headers of {path.name} cannot be read: {error}.") from None
    return headers, separator, _read_rows(lines, rows, headers, number)


def _first_line(lines: _PushbackLines, name: str) -> tuple[int, str]:
    """Return the number and the text of the first line that is not blank."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            return number, line
    raise ConfigurationError(f"{name} is empty.")


def _find_separator(line: str) -> str:
    """Find the separator of the headers: the one that comes most often outside quotation marks; "" for none."""
    bare = _QUOTED.sub("", line)
    found = max(_SEPARATORS, key=bare.count)
    return found if found in bare else ""


def _read_rows(
    lines: _PushbackLines, rows: Iterator[list[str]], headers: Sequence[str], number: int
) -> Generator[NumberedRow]:
    """Yield the rows below the header, which is row `number`. As in a spreadsheet, a blank line counts as a row."""
    while True:
        lines.consumed.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reason = _TOO_LONG if str(error).startswith("field larger") else _OPEN_QUOTE
            first, *others = lines.consumed
            lines.push_back(others)
            number += 1
            yield number, BrokenRow({headers[0]: first.rstrip("\r\n")}, reason)
            continue
        number += 1
        if not any(cells):
            continue
        row = row_of_cells(headers, cells)
        if not all(map(is_decodable, lines.consumed)):
            row = BrokenRow({header: _readable(cell) for header, cell in row.items()}, _UNDECODABLE)
        yield number, row


def _readable(text: str) -> str:
    """Replace bytes that could not be decoded with U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
