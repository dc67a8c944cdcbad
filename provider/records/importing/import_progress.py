"""How far an import has come, kept in the provider database with the records themselves."""

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

_MOST_KINDS = 200
_OTHERS = "others"
_TWICE = "This import runs a second time at the same moment. Let the other one end."


@dataclass
class Tally:
    """What has become of the rows so far; `position` is the last one that was dealt with.

    `warnings` and `reasons` count what was said of the records, by field and words.
    """

    position: int = 0
    read: int = 0
    stored: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


def count(said: dict[str, int], problems: Mapping[str, str]) -> None:
    """Count what was said, field by field. Kinds without number, such as misspelt custom fields, count as others."""
    for name, what in problems.items():
        kind = f"{name} {what}" if name else what
        kind = kind if kind in said or len(said) < _MOST_KINDS else _OTHERS
        said[kind] = said.get(kind, 0) + 1


def identify(path: Path, **read_as: Any) -> str:
    """Give the digest of a file, of where it is and of how it is read: the same import has the same."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(
        orjson.dumps([str(path.resolve()), content, read_as], option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


class Bookmark:
    """The row of one import in its table."""

    def __init__(self, identity: str, object_type: str) -> None:
        self._id, self._object_type = identity, object_type
        self._position: int | None = None

    def load(self, connection: Connection) -> Tally | None:
        """Give what an interrupted run left; None when there was none."""
        left = connection.execute(select(Import.__table__).where(Import.id == self._id)).mappings().one_or_none()
        if left is None:
            return None
        tally = Tally(**{name: left[name] for name in asdict(Tally())})
        self._position = tally.position
        return tally

    def move(self, connection: Connection, tally: Tally) -> None:
        """Write how far it has come; ConfigurationError when somebody else moved the bookmark."""
        values = {**asdict(tally), "updated_at": utc_now()}
        if self._position is None:
            row = {"id": self._id, "object_type": self._object_type, **values}
            try:
                connection.execute(insert(Import), [row])
            except IntegrityError:
                raise ConfigurationError(_TWICE) from None
        else:
            mine = update(Import).where(Import.id == self._id, Import.position == self._position)
            if connection.execute(mine.values(values)).rowcount != 1:
                raise ConfigurationError(_TWICE)
        self._position = tally.position

    def remove(self, connection: Connection) -> None:
        """Take it out: the next run begins at the first row."""
        connection.execute(delete(Import).where(Import.id == self._id))
        self._position = None
