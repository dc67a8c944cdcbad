"""The file of a new dataset: its name, and writing it whole or not at all."""

import os
import runpy
import tempfile
from keyword import iskeyword
from pathlib import Path

from provider.database.sources import Sources
from provider.dataset.discover import find_package
from provider.errors import ConfigurationError
from provider.settings import Settings

_READABLE = 0o644


def name_file(settings: Settings, name: str) -> Path:
    """Give the path of a new dataset's file; ConfigurationError when it exists, or when the name cannot be served."""
    package = find_package(settings.datasets)
    stem = "".join(character if character.isalnum() else "_" for character in name.lower())
    if not stem.isascii() or not stem.strip("_") or not name[0].isalnum():
        raise ConfigurationError(
            f"The name {name!r} cannot stand in an address. Use letters, digits, '-', '_' and '.'."
        )
    if stem[0].isdigit() or iskeyword(stem):
        stem = f"dataset_{stem}"
    file = Path(next(iter(package.__path__))) / f"{stem}.py"
    if os.path.lexists(file):
        raise ConfigurationError(f"{relative_path(file)} exists already and was left as it is. Choose another name.")
    return file


def write_file(file: Path, text: str, sources: Sources) -> None:
    """Write a dataset's file whole or not at all, and never over another.

    ConfigurationError when the dataset does not work, or the file cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{file.stem}.", suffix=".draft", dir=file.parent)
    except OSError as error:
        raise ConfigurationError(f"{relative_path(file.parent)} cannot be written to ({error.strerror}).") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as draft_file:
            draft_file.write(text)
        _try_to_prepare(temporary, sources)
        Path(temporary).chmod(_READABLE)
        try:
            os.link(temporary, file)
        except PermissionError:  # a file system without links
            with file.open("x", encoding="utf-8") as written:
                written.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{relative_path(file)} exists already and was left as it is.") from None
    finally:
        Path(temporary).unlink()


def _try_to_prepare(draft: str, sources: Sources) -> None:
    """Prepare a draft as the service will; ConfigurationError when the database refuses its statement."""
    try:
        runpy.run_path(draft)["dataset"].prepare(sources)
    except ConfigurationError as error:
        reason = str(error).partition(": ")[2]  # without the name of the draft, which nobody sees
        raise ConfigurationError(f"{reason} Nothing was written.") from None


def relative_path(file: Path) -> str:
    """Give a file's path relative to the working folder; the whole path when it is elsewhere."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
