"""CSV and its relatives (RFC 4180), as spreadsheets and databases of many countries write them."""

import csv
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from unicodedata import normalize

from provider.errors import ConfigurationError
from provider.records.importing.encoding import is_sound
from provider.records.importing.file_rows import Broken, Numbered, check_headers, row_of_cells

_SEPARATORS = "\t;,|"
"""In the order that decides when two are there as often: a comma is also part of names and numbers."""

_QUOTED = re.compile(r'"[^"]*"')
_SAID = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The line by which Excel is told the separator."""

_OPEN = "has a quotation mark that does not end its cell"
_TOO_LONG = f"has a cell of more than {csv.field_size_limit():,} characters"
_NO_TEXT = "holds bytes that are no text in the file's encoding: save the file in UTF-8"


class _Lines(Iterator[str]):
    """Lines that can be given back: a quotation mark that never closes must not swallow the rows after it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._fresh = iter(lines)
        self._back: deque[str] = deque()
        self.taken: list[str] = []

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else normalize("NFC", next(self._fresh))
        self.taken.append(line)
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        """Let lines be read again."""
        self._back.extendleft(reversed(lines))


def read_delimited(text: Iterable[str], path: Path) -> tuple[list[str], str, Generator[Numbered]]:
    """Give the headers, the separator and the rows below them."""
    lines = _Lines(text)
    number, first = _first(lines, path.name)
    separator = ""
    if said := _SAID.fullmatch(first):
        separator = said[1]
        more, first = _first(lines, path.name)
        number += more
    lines.give_back([first])
    separator = separator or _sniff(first) or ("\t" if path.suffix.lower() == ".tsv" else ",")
    rows = csv.reader(lines, delimiter=separator, strict=True)
    try:
        headers = check_headers(next(rows), path.name)
    except csv.Error as error:
        raise ConfigurationError(f"The headers of {path.name} cannot be read: {error}.") from None
    return headers, separator, _read(lines, rows, headers, number)


def _first(lines: _Lines, name: str) -> tuple[int, str]:
    """Give the first line that is not blank, and its number."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            return number, line
    raise ConfigurationError(f"{name} is empty.")


def _sniff(line: str) -> str:
    """Find what separates the headers: what is there most often, outside quotation marks."""
    bare = _QUOTED.sub("", line)
    found = max(_SEPARATORS, key=bare.count)
    return found if found in bare else ""


def _read(lines: _Lines, rows: Iterator[list[str]], headers: Sequence[str], number: int) -> Generator[Numbered]:
    """Give the rows after the header, which was row `number`; as in a spreadsheet, a blank line counts as a row."""
    while True:
        lines.taken.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reason = _TOO_LONG if str(error).startswith("field larger") else _OPEN
            first, *others = lines.taken
            lines.give_back(others)
            number += 1
            yield number, Broken({headers[0]: first.rstrip("\r\n")}, reason)
            continue
        number += 1
        if not any(cells):
            continue
        row = row_of_cells(headers, cells)
        if not all(map(is_sound, lines.taken)):
            row = Broken({header: _readable(cell) for header, cell in row.items()}, _NO_TEXT)
        yield number, row


def _readable(text: str) -> str:
    """Show bytes that are no text as the sign for them, U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
