"""Excel files (ISO/IEC 29500): the rows of the first sheet."""

import warnings
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from provider.errors import ConfigurationError
from provider.records.importing.file_rows import Numbered, check_headers, row_of_cells

_INEXACT = 10**15
"""A spreadsheet keeps fifteen digits of a number."""

_DAMAGED = (BadZipFile, zlib.error, ParseError, EOFError, KeyError, IndexError, ValueError, TypeError, AttributeError)
"""What openpyxl raises for a file that is not whole, or has what it does not expect."""


def open_sheet(path: Path) -> tuple[int | None, list[str], Generator[Numbered]]:
    """Give the number of rows if the file tells it, the headers and the rows below them; their cells have types."""
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 -- an extra
    except ImportError:
        raise ConfigurationError(
            "Excel files need the library openpyxl. Install it: pip install 'access-data-provider[excel]'"
        ) from None
    # Of styles it does not know, and of dates that are none, which the import says itself.
    warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except _DAMAGED:
        raise ConfigurationError(f"{path.name} is no Excel file. Save it as .xlsx, or as CSV in UTF-8.") from None
    size = sheet.max_row
    sheet.reset_dimensions()  # many programs write wrong ones, and rows would be cut
    rows = _rows(sheet, path.name)
    try:
        number, headers = next((at, check_headers(cells, path.name)) for at, cells in rows if _any(cells))
    except StopIteration:
        book.close()
        raise ConfigurationError(f"The first sheet of {path.name} is empty.") from None
    except ConfigurationError:
        book.close()
        raise
    return size and max(size, number), headers, _read(book, rows, headers)


def _rows(sheet: Any, name: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    number = 0
    try:
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield number, cells
    except _DAMAGED:
        raise ConfigurationError(
            f"{name} is damaged after row {number:,}. Open it in Excel, save it anew and import that."
        ) from None


def _read(book: Any, rows: Iterator[tuple[int, tuple[Any, ...]]], headers: list[str]) -> Generator[Numbered]:
    try:
        for number, cells in rows:
            if _any(cells):
                yield number, row_of_cells(headers, [_as_it_is_kept(cell) for cell in cells], ragged=True)
    finally:
        book.close()


def _as_it_is_kept(cell: Any) -> Any:
    """Give a number as the float that a spreadsheet has of it, where that is not exact."""
    return float(cell) if isinstance(cell, int) and abs(cell) >= _INEXACT else cell


def _any(cells: tuple[Any, ...]) -> bool:
    return any(cell is not None and cell != "" for cell in cells)
