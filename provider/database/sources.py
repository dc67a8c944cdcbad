"""The partner's own databases: opened read only, with one connection pool each, and never migrated."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import URL, Engine, Executable, MetaData, RowMapping, Table, event
from sqlalchemy.exc import InvalidatePoolError, NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from provider.database.circuit_breaker import CircuitBreaker, Watchdog
from provider.database.drivers import GRACE, connect_arguments, is_down, is_timeout, prepare
from provider.database.engines import open_engine, read_address
from provider.database.statements import Statement
from provider.errors import ConfigurationError, ProviderError, SourceUnavailable, Timeout
from provider.settings import Settings

POOL_SIZE = 10
"""Connections a worker opens to a source at most."""

POOL_WAIT = 0.5
"""Seconds a lookup waits for one of them."""

IDLE_SECONDS = 1.0
"""Seconds after which an idle connection is tested before its use; a test before every lookup would be slow."""

OWN = "provider"
"""The name of the provider database as a source: lookups only read it, too."""

_STREAMED = 500
"""Rows a driver fetches at a time when all rows are read."""

_MEMORY = (None, "", ":memory:")

Rows = Sequence[Sequence[Any]]


class Source:
    """One database. `engine` is SQLAlchemy's; each statement run on it may take `limit` seconds, like a lookup."""

    def __init__(self, name: str, url: str, *, limit: float = 2.0) -> None:
        self.name = name
        self.engine = _open(url, name, limit=limit)
        self._limit = limit
        self._dialect = self.engine.dialect
        self._driver_error = self._dialect.loaded_dbapi.Error
        self._errors = (self._driver_error, SQLAlchemyError, OSError)
        self._breaker = CircuitBreaker()
        self._slow: dict[Statement, CircuitBreaker] = {}
        self._watchdog = Watchdog(limit + GRACE) if self._dialect.name == "postgresql" else None
        self._down_at = float("-inf")
        self._listen()

    def fetch(self, statement: Statement, values: Mapping[str, Any], most: int) -> tuple[Rows, Rows]:
        """Run a prepared statement; give the cursor's description and at most `most` rows.

        SourceUnavailable when the database is down or refuses, Timeout when it takes longer than the limit. A statement
        that is always too slow is refused at once; other statements of the source are not.
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
        if not self._breaker.allows():
            raise SourceUnavailable
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", SAWarning
                )  # of a type it does not know: values stay as the driver gives them
                table = Table(name, MetaData(), schema=schema, autoload_with=self.engine, resolve_fks=False)
        except NoSuchTableError:
            full = f"{schema}.{name}" if schema else name
            raise ConfigurationError(
                f"source {self.name!r} has no table or view {full!r}. Correct the name; mind capital letters."
            ) from None
        except self._errors as error:
            raise self._declaration_error(error, f"describe {name!r}") from error
        self._breaker.succeeded()
        return table

    def check(self, statement: Statement, values: Mapping[str, Any]) -> Rows:
        """Give the description of what a statement finds; ConfigurationError when it is refused, SourceUnavailable."""
        if not self._breaker.allows():
            raise SourceUnavailable
        try:
            description, _ = self._run(statement, values, 1)
        except self._errors as error:
            raise self._declaration_error(error, "run the lookup") from error
        self._breaker.succeeded()
        return description

    def stream(self, query: Executable | str) -> Iterator[RowMapping]:
        """Give all rows of a query, a few at a time; ConfigurationError when it fails, SourceUnavailable."""
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
        """Give the error of a lookup, and note whether the database is down or this statement too slow."""
        if isinstance(error, PoolExhausted):
            return SourceUnavailable("The database behind this dataset is busy. Try again later.")
        late = is_timeout(error, self._dialect)
        if is_down(error, self._dialect):
            self._down_at = time.monotonic()
            self._breaker.failed()
        elif late and statement is not None:
            self._slow.setdefault(statement, CircuitBreaker()).failed()
        return Timeout() if late else SourceUnavailable()

    def _declaration_error(self, error: Exception, what: str) -> Exception:
        """Give the error of what a declaration asks for: SourceUnavailable while the database is down or slow."""
        if isinstance(error, PoolExhausted) or is_down(error, self._dialect) or is_timeout(error, self._dialect):
            self._lookup_error(error)
            return SourceUnavailable()
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return ConfigurationError(
            f"source {self.name!r} refuses to {what}: {said}. Check {setting(self.name)}, and the declaration."
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
            info["deadline"].at = time.monotonic() + self._limit

    def _end(self, connection: Any) -> None:
        if self._watchdog is not None:
            self._watchdog.end(connection)

    def _on_connect(self, connection: Any, record: Any) -> None:
        record.info["made_at"] = time.monotonic()
        self._begin(connection, record.info)
        try:
            prepare(connection, record.info, self._dialect, self._limit, own=self.name == OWN)
        finally:
            self._end(connection)

    def _on_checkin(self, connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()
        self._end(connection)

    def _on_checkout(self, connection: Any, record: Any, _: Any) -> None:
        """Test a connection that was idle, and refuse one from before the database was down: the pool replaces it."""
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
            if time.monotonic() - began > self._limit / 2:
                raise  # the database does not answer: another connection would take as long
            raise InvalidatePoolError from None
        finally:
            self._end(connection)


class Sources:
    """The configured sources, opened at their first use. `limit` is how long a lookup may take, in seconds."""

    def __init__(self, urls: Mapping[str, str], *, limit: float = 2.0) -> None:
        self._urls = urls
        self._limit = limit
        self._open: dict[str, Source] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Give the configured sources, and the provider database as one of them; ConfigurationError."""
        if OWN in settings.sources:
            raise ConfigurationError(
                f"PROVIDER_SOURCE_{OWN.upper()}_URL cannot be set: {OWN} means the service's own database. "
                "Give the source another name."
            )
        return cls({**settings.sources, OWN: settings.database_url}, limit=settings.lookup_timeout)

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

    def close(self) -> None:
        """Close the connections of every source."""
        for source in self._open.values():
            source.engine.dispose()


def setting(name: str) -> str:
    """Name the setting of a source."""
    return "PROVIDER_DATABASE_URL" if name == OWN else f"PROVIDER_SOURCE_{name.upper()}_URL"


def _driver_connection(used: Any) -> tuple[Any, dict[Any, Any]]:
    """Give the driver's connection behind one of SQLAlchemy's, and the pool's notes about it."""
    pooled = used.connection
    return pooled.driver_connection, pooled.info


def _open(url: str, name: str, limit: float) -> Engine:
    variable = setting(name)
    address = read_address(url, variable)
    if address.get_backend_name() == "sqlite":
        address = _read_only_file(address, variable)
    return open_engine(
        address,
        variable,
        isolation_level="AUTOCOMMIT",  # one read a lookup needs no transaction around it,
        pool_reset_on_return=None,  # hence no ROLLBACK after it
        pool_pre_ping=False,  # in place of it: Source._on_checkout
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
        connect_args=connect_arguments(address, limit, own=name == OWN),
    )


def _read_only_file(address: URL, setting: str) -> URL:
    """Open a SQLite file in read-only mode; otherwise SQLite would answer a wrong path with a new, empty file."""
    if address.database in _MEMORY or not Path(str(address.database)).is_file():
        raise ConfigurationError(
            f"{setting} names the file {address.database!r}, which does not exist "
            f"(looked for in {Path.cwd()}). Correct the path."
        )
    return address.set(database=f"file:{quote(str(address.database))}", query={"mode": "ro", "uri": "true"})
