"""Files of records: rows of JSON Lines and CSV, one at a time."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from provider.errors import ConfigurationError


def read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each row with its number, from 1; ConfigurationError for a file that cannot be read."""
    kinds = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _csv}
    if path.suffix.lower() not in kinds:
        raise ConfigurationError(f"{path.name} is of no known kind. Its name must end in .jsonl, .ndjson or .csv.")
    return kinds[path.suffix.lower()](path)


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                raise ConfigurationError(f"{path.name}, line {number}: this is no JSON object.")
            yield number, row


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            yield number, row
