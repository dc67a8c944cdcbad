"""The state of the simulator in one SQLite file, written before a request is answered: a kill loses nothing."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import RLock

import orjson

from provider.errors import ConfigurationError
from provider.proof.simulator.request_windows import RequestWindow

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
"""NORMAL: a commit survives the end of the process, not a power cut, and does not wait for the disk."""

_TOTALS = """
SELECT object_type, entries,
    (SELECT count(*) FROM record WHERE object_type = received.object_type),
    (SELECT count(*) FROM (SELECT DISTINCT ref_id FROM record WHERE object_type = received.object_type))
FROM received
"""

_CHUNK = 20
"""Requests whose records are stored in one transaction: the next request must not wait long for it."""


@dataclass(frozen=True)
class QueuedRequest:
    """A successful request whose records are not stored yet; `entries` is their JSON."""

    id: int
    object_type: str
    entries: bytes


@dataclass(frozen=True)
class StoredRequest:
    """The outcome of a queued request: refId and canonical JSON of each record by key, and the callback's results."""

    queued: QueuedRequest
    records: dict[str, tuple[str, bytes]]
    results: dict[str, dict[str, str | int]]


@dataclass(frozen=True)
class Total:
    """Counts of one object type: entries received, with repeats; records stored, one for each key; their refIds."""

    object_type: str
    received: int = 0
    records: int = 0
    ref_ids: int = 0


class SimulatorState:
    """The state file, with one connection that writes. ConfigurationError when the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lock = RLock()
        """Hold it for steps that no other thread may interrupt."""
        try:
            self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._connection.executescript(_PRAGMAS + _SCHEMA)
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"The state cannot be kept in {file} ({error}). Name another file with --state."
            ) from None

    def close(self) -> None:
        """Close the file; threads that still want to write wait for the end of the process."""
        self.lock.acquire()
        self._connection.close()

    def credential(self, name: str) -> str | None:
        """Return a stored credential, None when there is none."""
        with self._reader() as reader:
            row = reader.execute("SELECT value FROM credential WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def store_credential(self, name: str, value: str) -> None:
        """Store a credential."""
        self._write("INSERT OR REPLACE INTO credential VALUES (?, ?)", (name, value))

    def store_token(self, token: str, *, ends_at: float) -> None:
        """Store a token with its end, in seconds since 1970."""
        self._write("INSERT INTO token VALUES (?, ?)", (token, ends_at))

    def knows_token(self, token: str, now: float) -> bool:
        """Return whether a token is valid."""
        with self.lock:
            found = self._connection.execute("SELECT 1 FROM token WHERE token = ? AND ends_at > ?", (token, now))
            return found.fetchone() is not None

    def arrivals(self) -> list[int]:
        """Return the times at which requests arrived, oldest first."""
        with self._reader() as reader:
            return [at for (at,) in reader.execute("SELECT at FROM arrival ORDER BY at")]

    def window_counts(self) -> dict[int, tuple[int, int]]:
        """Return the highest use and the refusals of each window, by its seconds."""
        with self._reader() as reader:
            return {row[0]: (row[1], row[2]) for row in reader.execute("SELECT seconds, highest, refused FROM window")}

    def store_arrival(self, at: int | None, windows: Iterable[RequestWindow]) -> None:
        """Store the arrival of a request, None when it was refused, and the counts of the windows."""
        with self._transaction() as connection:
            if at is not None:
                connection.execute("INSERT INTO arrival VALUES (?)", (at,))
            rows = [(window.seconds, window.highest, window.refused) for window in windows]
            connection.executemany("INSERT OR REPLACE INTO window VALUES (?, ?, ?)", rows)

    def delete_arrivals(self, before: int) -> None:
        """Delete arrivals that count in no window any more."""
        self._write("DELETE FROM arrival WHERE at <= ?", (before,))

    def queue(self, object_type: str, entries: bytes, *, count: int, due_at: float) -> None:
        """Store the JSON of `count` entries of a request; their records are stored at `due_at`."""
        with self._transaction() as connection:
            row = (object_type, due_at, entries)
            connection.execute("INSERT INTO queued (object_type, due_at, entries) VALUES (?, ?, ?)", row)
            connection.execute(
                "INSERT INTO received VALUES (?, ?)"
                " ON CONFLICT (object_type) DO UPDATE SET entries = entries + excluded.entries",
                (object_type, count),
            )

    def due(self, now: float) -> list[QueuedRequest]:
        """Return the oldest requests that are due."""
        question = "SELECT id, object_type, entries FROM queued WHERE due_at <= ? ORDER BY id LIMIT ?"
        with self.lock:
            return [QueuedRequest(*row) for row in self._connection.execute(question, (now, _CHUNK))]

    def store(self, outcomes: Sequence[StoredRequest]) -> None:
        """Store the records of queued requests, all or none; a record with the same key is overwritten."""
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
        """Return the counts of each object type."""
        with self._reader() as reader:
            return [Total(*row) for row in reader.execute(f"{_TOTALS} ORDER BY object_type")]

    def total(self, object_type: str) -> Total:
        """Return the counts of one object type."""
        with self._reader() as reader:
            row = reader.execute(f"{_TOTALS} WHERE object_type = ?", (object_type,)).fetchone()
        return Total(*row) if row else Total(object_type)

    def record(self, object_type: str, key: str) -> bytes | None:
        """Return one record as canonical JSON, or None."""
        with self._reader() as reader:
            found = reader.execute("SELECT body FROM record WHERE object_type = ? AND key = ?", (object_type, key))
            row = found.fetchone()
        return row[0] if row else None

    def digest(self, object_type: str) -> str:
        """Return the sum of the SHA-256 of all records as canonical JSON, modulo 2**256, in hexadecimal digits."""
        total = 0
        with self._reader() as reader:
            for (body,) in reader.execute("SELECT body FROM record WHERE object_type = ?", (object_type,)):
                total += int.from_bytes(sha256(body).digest())
        return f"{total % 2**256:064x}"

    def waiting(self) -> tuple[int, int]:
        """Count the requests whose records are not stored yet, and those whose callback is not sent yet."""
        with self._reader() as reader:
            (queued,) = reader.execute("SELECT count(*) FROM queued").fetchone()
            (callbacks,) = reader.execute("SELECT count(*) FROM callback").fetchone()
        return queued, callbacks

    def callbacks(self, most: int) -> list[tuple[int, dict[str, dict[str, str | int]]]]:
        """Return the ids and results of the oldest callbacks, with at most `most` refIds together."""
        chosen, refs = [], 0
        with self._reader() as reader:
            for number, results in reader.execute("SELECT id, results FROM callback ORDER BY id LIMIT ?", (most,)):
                content = orjson.loads(results)
                if (refs := refs + len(content)) > most:
                    break
                chosen.append((number, content))
        return chosen

    def delete_callbacks(self, numbers: Iterable[int]) -> None:
        """Delete callbacks that were sent or given up."""
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
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Open a connection that reads, so that requests need not wait."""
        with closing(sqlite3.connect(self._file)) as reader:
            yield reader
