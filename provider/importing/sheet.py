"""Excel files (ISO/IEC 29500): the rows of the first sheet."""

import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from provider.errors import ConfigurationError
from provider.importing.rows import Numbered, check_headers, row_of_cells


def open_sheet(path: Path) -> tuple[int | None, list[str], Generator[Numbered]]:
    """Give the number of rows if the file tells it, the headers and the rows below them; their cells have types."""
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 -- an extra
        from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Excel files need the library openpyxl. Install it: .venv/bin/pip install -e '.[excel]'"
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of styles it does not know
            book = load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except (BadZipFile, InvalidFileException, KeyError, IndexError, ValueError):
        raise ConfigurationError(f"{path.name} is no Excel file. Save it as .xlsx, or as CSV in UTF-8.") from None
    size = sheet.max_row
    sheet.reset_dimensions()  # many programs write wrong ones, and rows would be cut
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    try:
        number, headers = next((at, check_headers(cells, path.name)) for at, cells in rows if _any(cells))
    except StopIteration:
        book.close()
        raise ConfigurationError(f"The first sheet of {path.name} is empty.") from None
    except ConfigurationError:
        book.close()
        raise
    return size and max(size, number), headers, _read(book, rows, headers)


def _read(book: Any, rows: Iterator[tuple[int, tuple[Any, ...]]], headers: list[str]) -> Generator[Numbered]:
    try:
        for number, cells in rows:
            if _any(cells):
                yield number, row_of_cells(headers, cells, ragged=True)
    finally:
        book.close()


def _any(cells: tuple[Any, ...]) -> bool:
    return any(cell is not None and cell != "" for cell in cells)
