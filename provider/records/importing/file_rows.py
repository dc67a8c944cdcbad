"""One row of a file: its cells by header, and rows that are broken."""

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import normalize

from provider.errors import ConfigurationError

NumberedRow = tuple[int, dict[str, Any]]
"""A row's number in the file, counted from 1 as a person does, and its cells by header."""


class BrokenRow(dict[str, Any]):
    """A row that cannot be read: the cells it has, by header; `beyond`, cells without a header; and the reason."""

    def __init__(self, cells: dict[str, Any], reason: str, beyond: Sequence[Any] = ()) -> None:
        super().__init__(cells)
        self.reason = reason
        self.beyond = beyond


def check_headers(cells: Iterable[Any], name: str) -> list[str]:
    """Return the headers of a table; ConfigurationError when one is blank or comes twice.

    Blank headers at the end are dropped: a spreadsheet writes them for columns that were used once.
    """
    headers = ["" if cell is None else normalize("NFC", str(cell)).strip() for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    if not headers:
        raise ConfigurationError(f"{name} has no headers. Its first row must name the columns.")
    for place, header in enumerate(headers, start=1):
        if not header:
            raise ConfigurationError(f"Column {place} of {name} has no header. Name it, or delete the column.")
        if header in headers[: place - 1]:
            raise ConfigurationError(f"{name} has two columns called {header!r}. Rename or delete one.")
    return headers


def row_of_cells(headers: Sequence[str], cells: Sequence[Any], *, ragged: bool = False) -> dict[str, Any]:
    """Return the cells by header; a row of another length is broken. With `ragged`, it may have fewer cells."""
    if len(cells) == len(headers):
        return dict(zip(headers, cells, strict=True))
    beyond = cells[len(headers) :]
    row = dict(zip(headers, cells, strict=False))
    if any(cell is not None and cell != "" for cell in beyond) or (len(cells) < len(headers) and not ragged):
        reason = f"has {len(cells)} cells where the header has {len(headers)}"
        return BrokenRow(row, reason, beyond)
    return row
