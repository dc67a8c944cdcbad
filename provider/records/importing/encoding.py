"""How the text of a file is written: found out by reading all of it once, since the first accent may come late."""

import codecs
import io
import re
from pathlib import Path

from provider.errors import ConfigurationError

_BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OURS = "utf-8"
_VIETNAMESE = "cp1258"
_LOST = re.compile("[\udc80-\udcff]")


def find_encoding(path: Path) -> str:
    """Name a file's encoding: what its byte order mark says, else UTF-8, else cp1258, which old Excel writes.

    A file with more letters that are UTF-8 than bytes that are not is UTF-8 with damage.
    """
    whole = broken = 0
    decoder = codecs.getincrementaldecoder(_OURS)("surrogateescape")
    with path.open("rb") as file:
        block = file.read(_BLOCK)
        for mark, encoding in _MARKS:
            if block.startswith(mark):
                return encoding
        if b"\x00" in block.partition(b"\n")[0]:
            raise ConfigurationError(f"{path.name} is no text file. Save it as CSV in UTF-8, or as .xlsx.")
        while block:
            text = decoder.decode(block)
            whole += len(block) - len(text)  # a letter of UTF-8 has more than one byte
            broken += 0 if is_sound(text) else len(_LOST.findall(text))
            block = file.read(_BLOCK)
    return _VIETNAMESE if broken > whole else _OURS


def open_text(path: Path) -> tuple[io.TextIOWrapper, io.BufferedReader]:
    """Open a text file, line ends as they are, with the bytes beneath it: their position is how far reading has come.

    Bytes that are no text in the file's encoding become lone surrogates (PEP 383), which `is_sound` finds.
    """
    encoding = find_encoding(path)
    beneath = path.open("rb")
    # What cannot be decoded in UTF-16 has no surrogate of its own.
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    return io.TextIOWrapper(beneath, encoding=encoding, errors=errors, newline=""), beneath


def is_sound(text: str) -> bool:
    """Tell whether a text has no bytes in it that could not be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
