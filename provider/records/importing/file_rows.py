"""A row of a file, and a row that is none."""

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import normalize

from provider.errors import ConfigurationError

Numbered = tuple[int, dict[str, Any]]
"""A row's number, as a person counts them in the file, and its cells by header."""


class Broken(dict[str, Any]):
    """A row that cannot be read as one: what there is of it by header, cells beyond the headers, and why not."""

    def __init__(self, cells: dict[str, Any], reason: str, beyond: Sequence[Any] = ()) -> None:
        super().__init__(cells)
        self.reason = reason
        self.beyond = beyond


def check_headers(cells: Iterable[Any], name: str) -> list[str]:
    """Give the headers of a table, without blank ones at its end; ConfigurationError when one is blank or there twice.

    A spreadsheet writes blank ones for columns that were once in use.
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
    """Put cells under their headers; a row of another length is broken, unless `ragged` ones may end early."""
    if len(cells) == len(headers):
        return dict(zip(headers, cells, strict=True))
    beyond = cells[len(headers) :]
    row = dict(zip(headers, cells, strict=False))
    if any(cell is not None and cell != "" for cell in beyond) or (len(cells) < len(headers) and not ragged):
        reason = f"has {len(cells)} cells where the header has {len(headers)}"
        return Broken(row, reason, beyond)
    return row
