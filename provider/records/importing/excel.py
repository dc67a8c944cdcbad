"""Reads the first sheet of Excel files (ISO/IEC 29500)."""

import warnings
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from provider.errors import ConfigurationError
from provider.records.importing.file_rows import NumberedRow, check_headers, row_of_cells

_INEXACT = 10**15
"""A spreadsheet stores numbers with fifteen digits: from here on they are not exact."""

_DAMAGED = (BadZipFile, zlib.error, ParseError, EOFError, KeyError, IndexError, ValueError, TypeError, AttributeError)
"""What openpyxl raises for a damaged or unexpected file."""


def open_sheet(path: Path) -> tuple[int | None, list[str], Generator[NumberedRow]]:
    """Return the number of rows (None if unknown), the headers and the rows below them. Cells keep their types."""
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 -- an extra
    except ImportError:
        raise ConfigurationError(
            "Excel files need the library openpyxl. Install it: pip install 'access-data-provider[excel]'"
        ) from None
    # It warns of unknown styles, and of wrong dates, which the import reports itself.
    warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except _DAMAGED:
        raise ConfigurationError(f"{path.name} is no Excel file. Save it as .xlsx, or as CSV in UTF-8.") from None
    size = sheet.max_row
    sheet.reset_dimensions()  # many programs write wrong dimensions, and rows would be lost
    rows = _rows(sheet, path.name)
    try:
        number, headers = next((at, check_headers(cells, path.name)) for at, cells in rows if _has_cells(cells))
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
            f"{name} is damaged after row {number:,}. Open it in Excel, save it again and import the new file."
        ) from None


def _read(book: Any, rows: Iterator[tuple[int, tuple[Any, ...]]], headers: list[str]) -> Generator[NumberedRow]:
    try:
        for number, cells in rows:
            if _has_cells(cells):
                yield number, row_of_cells(headers, [_inexact_as_float(cell) for cell in cells], ragged=True)
    finally:
        book.close()


def _inexact_as_float(cell: Any) -> Any:
    """Return a whole number of more than fifteen digits as a float: that is what the spreadsheet stored."""
    return float(cell) if isinstance(cell, int) and abs(cell) >= _INEXACT else cell


def _has_cells(cells: tuple[Any, ...]) -> bool:
    return any(cell is not None and cell != "" for cell in cells)
