"""What the simulator knows, in one SQLite file. It survives a kill: what is answered has been written."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import RLock

import orjson

from provider.errors import ConfigurationError
from provider.proof.simulator.request_windows import Window

_SCHEMA = """
CREATE TABLE IF NOT EXISTS credential (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY, ends_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS arrival (at INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS window (seconds INTEGER PRIMARY KEY, highest INTEGER NOT NULL, refused INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS queued (
    id INTEGER PRIMARY KEY, object_type TEXT NOT NULL, due_at REAL NOT NULL, entries BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS record (
    object_type TEXT NOT NULL, key TEXT NOT NULL, ref_id TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (object_type, key)
);
CREATE INDEX IF NOT EXISTS record_ref_id ON record (object_type, ref_id);
CREATE TABLE IF NOT EXISTS received (object_type TEXT PRIMARY KEY, entries INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS callback (id INTEGER PRIMARY KEY, results BLOB NOT NULL);
"""

_PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;"
"""NORMAL: a commit outlives the end of the process, if not a power cut, and need not wait for the disk."""

_TOTALS = """
SELECT object_type, entries,
    (SELECT count(*) FROM record WHERE object_type = received.object_type),
    (SELECT count(*) FROM (SELECT DISTINCT ref_id FROM record WHERE object_type = received.object_type))
FROM received
"""

_CHUNK = 20
"""Requests whose records are stored at a time: the next request does not wait long behind them."""


@dataclass(frozen=True)
class Queued:
    """A request that was answered with success and whose records wait to be stored; `entries` is their JSON."""

    id: int
    object_type: str
    entries: bytes


@dataclass(frozen=True)
class Stored:
    """The outcome of a queued request: of the records, by key, refId and canonical JSON; for the callback, results."""

    queued: Queued
    records: dict[str, tuple[str, bytes]]
    results: dict[str, dict[str, str | int]]


@dataclass(frozen=True)
class Total:
    """Of one object type: entries ever taken, with repeats; records held, one for each key; and their refIds."""

    object_type: str
    received: int = 0
    records: int = 0
    ref_ids: int = 0


class State:
    """One writer over the file. ConfigurationError when the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lock = RLock()
        """Hold it for steps that must not be torn apart by another thread."""
        try:
            self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._connection.executescript(_PRAGMAS + _SCHEMA)
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"The state cannot be kept in {file} ({error}). Name another file with --state."
            ) from None

    def close(self) -> None:
        """Close the file; whoever still wants to write waits for the end of the process."""
        self.lock.acquire()
        self._connection.close()

    def keep_credential(self, name: str, value: str) -> str:
        """Keep a credential, or, when an empty one is given, give the one that was kept, empty for none."""
        if value:
            self._write("INSERT OR REPLACE INTO credential VALUES (?, ?)", (name, value))
            return value
        with self._reading() as reader:
            row = reader.execute("SELECT value FROM credential WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def keep_token(self, token: str, *, ends_at: float) -> None:
        """Keep a token until a moment, in seconds since 1970."""
        self._write("INSERT INTO token VALUES (?, ?)", (token, ends_at))

    def knows_token(self, token: str, now: float) -> bool:
        """Say whether a token is alive."""
        with self.lock:
            found = self._connection.execute("SELECT 1 FROM token WHERE token = ? AND ends_at > ?", (token, now))
            return found.fetchone() is not None

    def arrivals(self) -> list[int]:
        """Give the moments at which requests arrived, oldest first."""
        with self._reading() as reader:
            return [at for (at,) in reader.execute("SELECT at FROM arrival ORDER BY at")]

    def seen(self) -> dict[int, tuple[int, int]]:
        """Give the highest use and the refusals of each window, by its seconds."""
        with self._reading() as reader:
            return {row[0]: (row[1], row[2]) for row in reader.execute("SELECT seconds, highest, refused FROM window")}

    def keep_arrival(self, at: int | None, windows: Iterable[Window]) -> None:
        """Keep the moment of a request that counts, None for one that was refused, and what the windows have seen."""
        with self._transaction() as connection:
            if at is not None:
                connection.execute("INSERT INTO arrival VALUES (?)", (at,))
            rows = [(window.seconds, window.highest, window.refused) for window in windows]
            connection.executemany("INSERT OR REPLACE INTO window VALUES (?, ?, ?)", rows)

    def forget_arrivals(self, before: int) -> None:
        """Throw away arrivals that count in no window any more."""
        self._write("DELETE FROM arrival WHERE at <= ?", (before,))

    def queue(self, object_type: str, entries: bytes, *, count: int, due_at: float) -> None:
        """Keep the entries of a request, so many, as JSON, which are to be stored at a moment."""
        with self._transaction() as connection:
            row = (object_type, due_at, entries)
            connection.execute("INSERT INTO queued (object_type, due_at, entries) VALUES (?, ?, ?)", row)
            connection.execute(
                "INSERT INTO received VALUES (?, ?)"
                " ON CONFLICT (object_type) DO UPDATE SET entries = entries + excluded.entries",
                (object_type, count),
            )

    def due(self, now: float) -> list[Queued]:
        """Give the oldest requests whose moment has come."""
        question = "SELECT id, object_type, entries FROM queued WHERE due_at <= ? ORDER BY id LIMIT ?"
        with self.lock:
            return [Queued(*row) for row in self._connection.execute(question, (now, _CHUNK))]

    def store(self, outcomes: Sequence[Stored]) -> None:
        """Store the records of queued requests, all of them or none; a key that is known is overwritten."""
        with self._transaction() as connection:
            for outcome in outcomes:
                kind = outcome.queued.object_type
                connection.executemany(
                    "INSERT INTO record VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (object_type, key) DO UPDATE SET ref_id = excluded.ref_id, body = excluded.body",
                    [(kind, key, ref_id, body) for key, (ref_id, body) in outcome.records.items()],
                )
                if outcome.results:
                    connection.execute("INSERT INTO callback (results) VALUES (?)", (orjson.dumps(outcome.results),))
                connection.execute("DELETE FROM queued WHERE id = ?", (outcome.queued.id,))

    def totals(self) -> list[Total]:
        """Count what was taken and what is held of each object type."""
        with self._reading() as reader:
            return [Total(*row) for row in reader.execute(f"{_TOTALS} ORDER BY object_type")]

    def total(self, object_type: str) -> Total:
        """Count what was taken and what is held of one object type."""
        with self._reading() as reader:
            row = reader.execute(f"{_TOTALS} WHERE object_type = ?", (object_type,)).fetchone()
        return Total(*row) if row else Total(object_type)

    def record(self, object_type: str, key: str) -> bytes | None:
        """Give one record as canonical JSON, or None."""
        with self._reading() as reader:
            found = reader.execute("SELECT body FROM record WHERE object_type = ? AND key = ?", (object_type, key))
            row = found.fetchone()
        return row[0] if row else None

    def digest(self, object_type: str) -> str:
        """Add up the SHA-256 of all records as canonical JSON, as numbers modulo 2**256; in hexadecimal digits."""
        total = 0
        with self._reading() as reader:
            for (body,) in reader.execute("SELECT body FROM record WHERE object_type = ?", (object_type,)):
                total += int.from_bytes(sha256(body).digest())
        return f"{total % 2**256:064x}"

    def waiting(self) -> tuple[int, int]:
        """Count the requests that wait to be stored, and those that wait for their callback."""
        with self._reading() as reader:
            (queued,) = reader.execute("SELECT count(*) FROM queued").fetchone()
            (callbacks,) = reader.execute("SELECT count(*) FROM callback").fetchone()
        return queued, callbacks

    def callbacks(self, most: int) -> list[tuple[int, dict[str, dict[str, str | int]]]]:
        """Give the oldest callbacks' ids and results by refId, as many as carry at most so many refIds together."""
        chosen, refs = [], 0
        with self._reading() as reader:
            for number, results in reader.execute("SELECT id, results FROM callback ORDER BY id LIMIT ?", (most,)):
                content = orjson.loads(results)
                if (refs := refs + len(content)) > most:
                    break
                chosen.append((number, content))
        return chosen

    def forget_callbacks(self, numbers: Iterable[int]) -> None:
        """Throw away callbacks that were delivered or given up."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM callback WHERE id = ?", [(number,) for number in numbers])

    def _write(self, statement: str, row: Sequence[object]) -> None:
        with self.lock:
            self._connection.execute(statement, row)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Read beside the writer, without making requests wait."""
        with closing(sqlite3.connect(self._file)) as reader:
            yield reader
