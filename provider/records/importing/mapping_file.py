"""The mapping file, in TOML: the field of each column. `--guess` writes it, and a person corrects it."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from unicodedata import normalize

from provider.errors import ConfigurationError


def read_mapping(path: Path) -> dict[str, str]:
    """Read a mapping: the field of each column, "" for none. ConfigurationError when it is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"The mapping {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f'The mapping {path.name} is not TOML ({error}). Write lines like "Column" = "field".'
        ) from None
    for header, field in content.items():
        if not isinstance(field, str):
            raise ConfigurationError(
                f"The mapping {path.name} gives {header!r} no field. Write a column and its field in quotation marks: "
                '"Column" = "field".'
            )
    return {normalize("NFC", header): field for header, field in content.items()}


def write_mapping(path: Path, object_type: str, guesses: Mapping[str, tuple[str, str]]) -> None:
    """Write guesses: each column with its field ("" for none) and the reason. ConfigurationError if the file exists."""
    lines = [
        f"# Which field of {object_type} each column means; read it and correct it.",
        '# "" leaves a column out. A custom field is written like customFieldTexts.customField01.',
        "",
        *(f"{_quoted(header)} = {_quoted(field)}  # {why}" for header, (field, why) in guesses.items()),
        "",
    ]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines))
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already. Correct it, or delete it first.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
