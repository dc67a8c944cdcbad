"""Sources: the partner's own databases, opened read only, one pooled engine each, never migrated."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Dialect, Engine, event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from provider.database import Statement, open_engine, read_address
from provider.errors import ConfigurationError, ProviderError, SourceUnavailable, Timeout

POOL_SIZE = 10
"""Connections a worker opens to a source at most."""

POOL_WAIT = 0.5
"""Seconds a lookup waits for one of them."""

IDLE_SECONDS = 1.0
"""How long a connection may lie idle before it is tried first: in a busy service the lookup is the only query."""

FAILURES = 3
"""Failures in a row after which a source counts as down."""

PAUSE = 1.0
"""Seconds between two tries of a source that is down; every other lookup is refused at once."""

_SQLITE_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: about a tenth of a millisecond."""

_MYSQL_CLIENT_ERRORS = 2000
_MYSQL_TROUBLE = (1040, 1044, 1045, 1049, 1053, 1152, 1158, 1159, 1160, 1161, 1205)
"""Errors of the server that concern every statement: too many connections, no access, shutdown, network, locks."""

_SAMPLE = "PROVIDER_SOURCE_DEMO_URL"
_MEMORY = (None, "", ":memory:")


class Source:
    """One database by its name; `engine` is SQLAlchemy's, for whoever wants more than `fetch`."""

    def __init__(self, name: str, url: str, *, limit: float) -> None:
        self.name = name
        self.engine = _open(url, setting=setting(name), limit=limit)
        self._limit = limit
        self._errors = (self.engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
        self._breaker = _Breaker()
        self._limits_itself = self.engine.dialect.name == "sqlite"

    def fetch(
        self, statement: Statement, values: Mapping[str, Any], most: int
    ) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
        """Run a prepared statement; give the cursor's description and at most `most` rows.

        SourceUnavailable when the database is down or refuses, Timeout when it takes longer than the limit.
        """
        if not self._breaker.allows():
            raise SourceUnavailable
        try:
            with closing(self.engine.raw_connection()) as connection:
                if self._limits_itself:
                    connection.info["deadline"].at = time.monotonic() + self._limit
                try:
                    found = statement.run(connection, values, most)
                except Exception:
                    connection.invalidate()  # who knows what state it is in
                    raise
        except self._errors as error:
            raise self._judge(error) from error
        self._breaker.succeeded()
        return found

    def _judge(self, error: Exception) -> ProviderError:
        """Tell slow from down, and a database in trouble from a statement it does not like."""
        if isinstance(error, PoolExhausted):
            return SourceUnavailable("The database behind this dataset is busy. Try again later.")
        late = is_timeout(error, self.engine.dialect)
        if late or is_down(error, self.engine.dialect):
            self._breaker.failed()
            if not late:
                self.engine.dispose()  # the other connections of the pool are dead as well
        return Timeout() if late else SourceUnavailable()


class Sources:
    """The configured sources, opened when first asked for. `limit` is how long a lookup may take, in seconds."""

    def __init__(self, urls: Mapping[str, str], *, limit: float = 2.0) -> None:
        self._urls = urls
        self._limit = limit
        self._open: dict[str, Source] = {}

    def __getitem__(self, name: str) -> Source:
        if name not in self._open:
            if name not in self._urls:
                raise ConfigurationError(
                    f"source {name!r} is not configured. Set {setting(name)} to the database's address, "
                    "for instance sqlite:///shop.db."
                )
            self._open[name] = Source(name, self._urls[name], limit=self._limit)
        return self._open[name]

    def opened(self) -> list[Source]:
        """List the sources in use."""
        return list(self._open.values())


def setting(name: str) -> str:
    """Name the setting of a source."""
    return f"PROVIDER_SOURCE_{name.upper()}_URL"


def is_timeout(error: BaseException, dialect: Dialect) -> bool:
    """Tell whether a database gave up on a statement because of the limit, in each driver's own words."""
    cause = getattr(error, "orig", None) or error
    text = str(cause)
    match dialect.name:
        case "postgresql":
            return getattr(cause, "sqlstate", None) == "57014" and "statement timeout" in text
        case "mysql" | "mariadb":
            code = cause.args[0] if cause.args else None
            return code in (1969, 3024) or (code == 2013 and "timed out" in text)  # noqa: PLR2004 -- MySQL's numbers
        case "sqlite":
            return text == "interrupted"
        case "mssql":
            return "HYT00" in text
        case "oracle":
            return "DPY-4024" in text
    return False


def is_down(error: BaseException, dialect: Dialect) -> bool:
    """Tell whether the database itself is in trouble, rather than this one statement."""
    cause = getattr(error, "orig", None) or error
    driver = dialect.loaded_dbapi
    if isinstance(cause, driver.InterfaceError):
        return True
    if not isinstance(cause, driver.OperationalError):
        return False
    match dialect.name:
        case "sqlite":
            return "locked" in str(cause)
        case "mysql" | "mariadb":
            return not cause.args or cause.args[0] >= _MYSQL_CLIENT_ERRORS or cause.args[0] in _MYSQL_TROUBLE
    return True


class _Deadline:
    """Stops a SQLite statement that takes too long: SQLite has no limit of its own, but asks us now and then."""

    def __init__(self) -> None:
        self.at = math.inf

    def __call__(self) -> bool:
        return time.monotonic() > self.at


class _Breaker:
    """Keeps lookups away from a database that is down, so that waiting for it does not take all of a worker."""

    def __init__(self) -> None:
        self._failures = 0
        self._next_try = 0.0
        self._lock = Lock()

    def allows(self) -> bool:
        """Tell whether to ask the database; while it is down, one lookup in each pause is let through."""
        if self._failures < FAILURES:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + PAUSE
            return True

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._next_try = time.monotonic() + PAUSE

    def succeeded(self) -> None:
        self._failures = 0


def _open(url: str, setting: str, limit: float) -> Engine:
    address = read_address(url, setting)
    if address.get_backend_name() == "sqlite":
        address = _read_only_file(address, setting)
    engine = open_engine(
        address,
        setting,
        isolation_level="AUTOCOMMIT",  # one read a lookup needs no transaction around it
        pool_reset_on_return=None,  # nothing to roll back
        pool_pre_ping=False,  # in place of it: _try_idle
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
        connect_args=_connect_arguments(address, limit),
    )
    event.listen(engine, "connect", lambda connection, record: _prepare(connection, record, engine.dialect, limit))
    if engine.dialect.name != "sqlite":  # a file does not go away
        event.listen(engine, "checkin", _note_checkin)
        event.listen(engine, "checkout", lambda connection, record, _: _try_idle(connection, record, engine.dialect))
    return engine


def _connect_arguments(address: URL, limit: float) -> dict[str, Any]:
    """Bound how long connecting and waiting for the network may take, in each driver's own words."""
    seconds = max(1, round(limit))
    match address.get_driver_name():
        case "psycopg":
            return {
                "connect_timeout": max(2, seconds),  # libpq takes 1 for 2
                "tcp_user_timeout": round(limit * 1000),
                "keepalives_idle": seconds,
                "prepare_threshold": None,  # behind pgbouncer a prepared statement may be another session's
            }
        case "pymysql":
            return {"connect_timeout": seconds, "read_timeout": seconds + 1, "charset": "utf8mb4"}
        case "pysqlite":
            return {"timeout": limit}
        case "pyodbc":
            return {"timeout": seconds}
        case "oracledb":
            return {"tcp_connect_timeout": limit}
    return {}


def _prepare(connection: Any, record: Any, dialect: Dialect, limit: float) -> None:
    """Make a fresh connection read only, and its statements limited in time."""
    milliseconds = round(limit * 1000)
    match dialect.name:
        case "sqlite":
            # Text that is not UTF-8, which SQLite accepts, is read with a mark where it is broken.
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            record.info["deadline"] = deadline = _Deadline()
            connection.set_progress_handler(deadline, _SQLITE_STEPS)
        case "mysql" | "mariadb":
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                if "MariaDB" in connection.get_server_info():
                    cursor.execute(f"SET SESSION max_statement_time = {limit}")
                else:
                    cursor.execute(f"SET SESSION max_execution_time = {milliseconds}")
        case "postgresql":
            connection.autocommit = True
            with connection.cursor() as cursor:
                # Not as start-up options: pgbouncer refuses those.
                cursor.execute(f"SET statement_timeout = {milliseconds}")
                cursor.execute("SET default_transaction_read_only = on")
        case "mssql":
            connection.timeout = max(1, round(limit))
        case "oracle":
            connection.call_timeout = milliseconds


def _note_checkin(_: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _try_idle(connection: Any, record: Any, dialect: Dialect) -> None:
    """Try a connection that has lain idle: the pool replaces it when it is dead."""
    if time.monotonic() - record.info.get("idle_since", math.inf) < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        raise DisconnectionError from None


def _read_only_file(address: URL, setting: str) -> URL:
    """Open a SQLite file in read-only mode; otherwise SQLite would answer a wrong path with a new, empty file."""
    if address.database in _MEMORY or not Path(str(address.database)).is_file():
        raise ConfigurationError(
            f"{setting} names the file {address.database!r}, which does not exist "
            f"(looked for in {Path.cwd()}). "
            + ("`provider demo` makes it." if setting == _SAMPLE else "Correct the path.")
        )
    return address.set(database=f"file:{quote(str(address.database))}", query={"mode": "ro", "uri": "true"})
