"""The progress of an import, stored in the provider database so that an interrupted import can continue."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from provider.errors import ConfigurationError
from provider.store.entity_tables import utc_now
from provider.store.import_table import Import

_MAX_MESSAGES = 200
_OTHERS = "others"
_RUNS_TWICE = "Another process runs this import at the moment. Wait until it ends."


@dataclass
class ImportCounts:
    """How many rows were read, stored and rejected so far.

    `position` is the number of the last row that was stored or rejected, `rejected_bytes` the size of the file of
    rejected rows. `warnings`, and `reasons` for rejections, count how often each message came.
    """

    position: int = 0
    read: int = 0
    stored: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


def count_messages(counts: dict[str, int], messages: Mapping[str, str]) -> None:
    """Add one to the count of each field's message. After 200 different messages, new ones count as "others"."""
    for field_name, text in messages.items():
        message = f"{field_name} {text}" if field_name else text
        message = message if message in counts or len(counts) < _MAX_MESSAGES else _OTHERS
        counts[message] = counts.get(message, 0) + 1


def import_id(path: Path, **options: Any) -> str:
    """Return a digest of a file's path and content and of the options; the same import always has the same."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(
        orjson.dumps([str(path.resolve()), content, options], option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


class ImportProgress:
    """The progress of one import: its row in the table of unfinished imports."""

    def __init__(self, identity: str, object_type: str) -> None:
        self._id, self._object_type = identity, object_type
        self._position: int | None = None

    def load(self, connection: Connection) -> ImportCounts | None:
        """Return the counts of an interrupted run; None when there was none."""
        row = connection.execute(select(Import.__table__).where(Import.id == self._id)).mappings().one_or_none()
        if row is None:
            return None
        counts = ImportCounts(**{name: row[name] for name in asdict(ImportCounts())})
        self._position = counts.position
        return counts

    def save(self, connection: Connection, counts: ImportCounts) -> None:
        """Save how far the import has come; ConfigurationError when another run of the same import saved meanwhile."""
        values = {**asdict(counts), "updated_at": utc_now()}
        if self._position is None:
            row = {"id": self._id, "object_type": self._object_type, **values}
            try:
                connection.execute(insert(Import), [row])
            except IntegrityError:
                raise ConfigurationError(_RUNS_TWICE) from None
        else:
            unchanged = update(Import).where(Import.id == self._id, Import.position == self._position)
            if connection.execute(unchanged.values(values)).rowcount != 1:
                raise ConfigurationError(_RUNS_TWICE)
        self._position = counts.position

    def delete(self, connection: Connection) -> None:
        """Delete the row: the next run starts at the first row of the file."""
        connection.execute(delete(Import).where(Import.id == self._id))
        self._position = None
