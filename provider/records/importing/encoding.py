"""Finds the encoding of a text file. It reads the whole file, because the first accent may come late."""

import codecs
import io
import re
from pathlib import Path

from provider.errors import ConfigurationError

_BLOCK = 1 << 20
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = "utf-8"
_VIETNAMESE = "cp1258"
_UNDECODED = re.compile("[\udc80-\udcff]")


def find_encoding(path: Path) -> str:
    """Return a file's encoding: what its byte order mark says, else UTF-8, else cp1258, as old Excel writes it.

    A file with more valid UTF-8 letters than invalid bytes counts as damaged UTF-8, not as cp1258.
    """
    valid = invalid = 0
    decoder = codecs.getincrementaldecoder(_UTF8)("surrogateescape")
    with path.open("rb") as file:
        block = file.read(_BLOCK)
        for mark, encoding in _BYTE_ORDER_MARKS:
            if block.startswith(mark):
                return encoding
        if b"\x00" in block.partition(b"\n")[0]:
            raise ConfigurationError(f"{path.name} is no text file. Save it as CSV in UTF-8, or as .xlsx.")
        while block:
            text = decoder.decode(block)
            valid += len(block) - len(text)  # a letter with an accent has more than one byte in UTF-8
            invalid += 0 if is_decodable(text) else len(_UNDECODED.findall(text))
            block = file.read(_BLOCK)
    return _VIETNAMESE if invalid > valid else _UTF8


def open_text(path: Path) -> tuple[io.TextIOWrapper, io.BufferedReader]:
    """Open a text file; return it and its raw bytes, whose position says how far it was read.

    Line ends stay as they are. Undecodable bytes become lone surrogates (PEP 383), which `is_decodable` finds.
    """
    encoding = find_encoding(path)
    raw = path.open("rb")
    # UTF-16 cannot keep undecodable bytes as surrogates.
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline=""), raw


def is_decodable(text: str) -> bool:
    """Say whether all bytes of a text could be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
