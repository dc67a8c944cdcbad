"""The partner's own databases: opened read only, with one connection pool each, and never migrated."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import URL, Engine, Executable, MetaData, RowMapping, Table, event
from sqlalchemy.exc import InvalidatePoolError, NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from provider.database.circuit_breaker import CircuitBreaker, Watchdog
from provider.database.drivers import GRACE, connect_arguments, driver_error, is_down, is_timeout, prepare
from provider.database.engines import open_engine, read_address
from provider.database.statements import Statement
from provider.errors import ConfigurationError, ProviderError, SourceUnavailable, Timeout
from provider.settings import Settings

POOL_SIZE = 10
"""Connections a worker opens to a source at most."""

POOL_WAIT = 0.5
"""Seconds a lookup waits for a connection when all are in use."""

IDLE_SECONDS = 1.0
"""A connection that was idle for so many seconds is tested before its use; a test before every lookup is slow."""

OWN = "provider"
"""The name of the provider database as a source: lookups read it like any other."""

_STREAMED = 500
"""Rows a driver fetches at a time when all rows are read."""

_MEMORY = (None, "", ":memory:")

Rows = Sequence[Sequence[Any]]


class Source:
    """One database. `engine` is SQLAlchemy's; each statement run on it may take `timeout` seconds."""

    def __init__(self, name: str, url: str, *, timeout: float = 2.0) -> None:
        self.name = name
        self.engine = _open(url, name, timeout=timeout)
        self._timeout = timeout
        self._dialect = self.engine.dialect
        self._driver_error = self._dialect.loaded_dbapi.Error
        self._errors = (self._driver_error, SQLAlchemyError, OSError)
        self._breaker = CircuitBreaker()
        self._slow: dict[Statement, CircuitBreaker] = {}
        self._watchdog = Watchdog(timeout + GRACE) if self._dialect.name == "postgresql" else None
        self._down_at = float("-inf")
        self._listen()

    def fetch(self, statement: Statement, values: Mapping[str, Any], most: int) -> tuple[Rows, Rows]:
        """Run a prepared statement; give the cursor's description and at most `most` rows.

        SourceUnavailable when the database is down or refuses, Timeout when it takes longer than the time limit. A
        statement that is always too slow is refused at once; other statements of the source are not.
        """
        slow = self._slow.get(statement)
        if slow is not None and not slow.allows():
            raise Timeout
        if not self._breaker.allows():
            raise SourceUnavailable
        try:
            found = self._run(statement, values, most)
        except self._errors as error:
            raise self._lookup_error(error, statement) from error
        self._breaker.succeeded()
        if slow is not None:
            slow.succeeded()
        return found

    def describe(self, name: str, schema: str | None = None) -> Table:
        """Read the columns of a table or a view; ConfigurationError when it cannot be, SourceUnavailable."""
        with self._declaration_errors(f"describe {name!r}"), warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of an unknown type: its values stay as the driver gives them
            try:
                return Table(name, MetaData(), schema=schema, autoload_with=self.engine, resolve_fks=False)
            except NoSuchTableError:
                full = f"{schema}.{name}" if schema else name
                raise ConfigurationError(
                    f"source {self.name!r} has no table or view {full!r}. Correct the name; mind capital letters."
                ) from None

    def check(self, statement: Statement, values: Mapping[str, Any]) -> Rows:
        """Run a statement, return the cursor's description; ConfigurationError if it is refused, SourceUnavailable."""
        with self._declaration_errors("run the lookup"):
            return self._run(statement, values, 1)[0]

    def stream(self, query: Executable | str) -> Iterator[RowMapping]:
        """Yield all rows of a query, fetched a few at a time; ConfigurationError when it fails, SourceUnavailable."""
        try:
            with self.engine.connect() as connection:
                if self._dialect.name == "postgresql":  # its cursors live in a transaction
                    connection.execution_options(isolation_level="REPEATABLE READ")
                connection.execution_options(yield_per=_STREAMED, no_parameters=isinstance(query, str))
                with connection.begin():
                    found = connection.exec_driver_sql(query) if isinstance(query, str) else connection.execute(query)
                    yield from found.mappings()
        except self._errors as error:
            raise self._declaration_error(error, "run the query") from error

    def _run(self, statement: Statement, values: Mapping[str, Any], most: int) -> tuple[Rows, Rows]:
        connection = self.engine.raw_connection()
        try:
            self._begin(connection.driver_connection, connection.info)
            return statement.run(connection, values, most)
        except self._driver_error as error:
            if is_down(error, self._dialect):
                connection.invalidate()
            raise
        finally:
            connection.close()

    def _lookup_error(self, error: Exception, statement: Statement | None = None) -> ProviderError:
        """Return the error of a lookup, and count a failure of the database, or of a statement that is too slow."""
        if isinstance(error, PoolExhausted):
            return SourceUnavailable("The database behind this dataset is busy. Try again later.")
        late = is_timeout(error, self._dialect)
        if is_down(error, self._dialect):
            self._down_at = time.monotonic()
            self._breaker.failed()
        elif late and statement is not None:
            self._slow.setdefault(statement, CircuitBreaker()).failed()
        return Timeout() if late else SourceUnavailable()

    @contextmanager
    def _declaration_errors(self, what: str) -> Iterator[None]:
        """Raise SourceUnavailable or ConfigurationError for whatever the database raises inside a `with` block."""
        if not self._breaker.allows():
            raise SourceUnavailable
        try:
            yield
        except self._errors as error:
            raise self._declaration_error(error, what) from error
        self._breaker.succeeded()

    def _declaration_error(self, error: Exception, what: str) -> Exception:
        """Return the error of a mistake in a declaration; SourceUnavailable when the database is down or slow."""
        if isinstance(error, PoolExhausted) or is_down(error, self._dialect) or is_timeout(error, self._dialect):
            self._lookup_error(error)
            return SourceUnavailable()
        said = str(driver_error(error)).strip().partition("\n")[0]
        return ConfigurationError(
            f"source {self.name!r} refuses to {what}: {said}. Check {source_setting(self.name)}, and the declaration."
        )

    def _listen(self) -> None:
        event.listen(self.engine, "connect", self._on_connect)
        if self._dialect.name != "sqlite":  # a file does not go down, and a pool without listeners is quicker
            event.listen(self.engine, "checkout", self._on_checkout)
            event.listen(self.engine, "checkin", self._on_checkin)
        event.listen(self.engine, "before_cursor_execute", lambda used, *_: self._begin(*_driver_connection(used)))
        event.listen(self.engine, "after_cursor_execute", lambda used, *_: self._end(_driver_connection(used)[0]))

    def _begin(self, connection: Any, info: dict[Any, Any]) -> None:
        """Start the time limit of a statement."""
        if self._watchdog is not None:
            self._watchdog.begin(connection)
        elif "deadline" in info:
            info["deadline"].at = time.monotonic() + self._timeout

    def _end(self, connection: Any) -> None:
        if self._watchdog is not None:
            self._watchdog.end(connection)

    def _on_connect(self, connection: Any, record: Any) -> None:
        record.info["made_at"] = time.monotonic()
        self._begin(connection, record.info)
        try:
            prepare(connection, record.info, self._dialect, self._timeout, own=self.name == OWN)
        finally:
            self._end(connection)

    def _on_checkin(self, connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()
        self._end(connection)

    def _on_checkout(self, connection: Any, record: Any, _: Any) -> None:
        """Test a connection that was idle, and refuse one that is older than the last failure: the pool replaces it."""
        idle_since = record.info.get("idle_since")
        if idle_since is None:
            return
        if record.info["made_at"] <= self._down_at:
            raise InvalidatePoolError
        began = time.monotonic()
        if began - idle_since < IDLE_SECONDS:
            return
        self._begin(connection, record.info)
        try:
            self._dialect.do_ping(connection)
        except self._driver_error:
            if time.monotonic() - began > self._timeout / 2:
                raise  # the database does not answer: another connection would take as long
            raise InvalidatePoolError from None
        finally:
            self._end(connection)


class Sources:
    """The configured sources, opened at their first use. `timeout` is how long a statement may take, in seconds."""

    def __init__(self, urls: Mapping[str, str], *, timeout: float = 2.0) -> None:
        self._urls = urls
        self._timeout = timeout
        self._open: dict[str, Source] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the configured sources, with the provider database as one of them; ConfigurationError."""
        if OWN in settings.sources:
            raise ConfigurationError(
                f"PROVIDER_SOURCE_{OWN.upper()}_URL cannot be set: {OWN} means the service's own database. "
                "Give the source another name."
            )
        return cls({**settings.sources, OWN: settings.database_url}, timeout=settings.lookup_timeout)

    def __getitem__(self, name: str) -> Source:
        if name not in self._open:
            if name not in self._urls:
                raise ConfigurationError(
                    f"source {name!r} is not configured. Set {source_setting(name)} to the database's address, "
                    "for instance sqlite:///shop.db."
                )
            self._open[name] = Source(name, self._urls[name], timeout=self._timeout)
        return self._open[name]

    def opened(self) -> list[Source]:
        """List the sources in use."""
        return list(self._open.values())

    def close(self) -> None:
        """Close the connections of every source."""
        for source in self._open.values():
            source.engine.dispose()


def source_setting(name: str) -> str:
    """Return the name of a source's setting."""
    return "PROVIDER_DATABASE_URL" if name == OWN else f"PROVIDER_SOURCE_{name.upper()}_URL"


def _driver_connection(used: Any) -> tuple[Any, dict[Any, Any]]:
    """Return the driver's connection behind one of SQLAlchemy's, and what the pool keeps about it."""
    pooled = used.connection
    return pooled.driver_connection, pooled.info


def _open(url: str, name: str, timeout: float) -> Engine:
    variable = source_setting(name)
    address = read_address(url, variable)
    if address.get_backend_name() == "sqlite":
        address = _read_only_file(address, variable)
    return open_engine(
        address,
        variable,
        isolation_level="AUTOCOMMIT",  # a lookup is one read and needs no transaction,
        pool_reset_on_return=None,  # so there is nothing to roll back
        pool_pre_ping=False,  # Source._on_checkout tests connections
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
        connect_args=connect_arguments(address, timeout, own=name == OWN),
    )


def _read_only_file(address: URL, setting: str) -> URL:
    """Open a SQLite file in read-only mode; otherwise SQLite would answer a wrong path with a new, empty file."""
    if address.database in _MEMORY or not Path(str(address.database)).is_file():
        raise ConfigurationError(
            f"{setting} names the file {address.database!r}, which does not exist "
            f"(looked for in {Path.cwd()}). Correct the path."
        )
    return address.set(database=f"file:{quote(str(address.database))}", query={"mode": "ro", "uri": "true"})
