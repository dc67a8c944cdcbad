"""Opening a database by its address: the service's own, or a partner's."""

from collections.abc import Mapping, Sequence
from threading import local
from typing import Any
from weakref import WeakSet

from sqlalchemy import BindParameter, Dialect, Engine, PoolProxiedConnection, Select, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from provider.errors import ConfigurationError

_EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql", "pyodbc": "sqlserver", "oracledb": "oracle"}
_OURS = {"psycopg2": "postgresql+psycopg", "MySQLdb": "mysql+pymysql", "cx_Oracle": "oracle+oracledb"}
"""Drivers we do not test with, which an address without a driver may mean, and how to write the one we do."""
_RECYCLE_SECONDS = 1800


def read_address(url: str, setting: str) -> URL:
    """Read a database address; ConfigurationError names the setting, never the address: it may hold a password."""
    try:
        address = make_url(url)
        address.get_dialect()
    except NoSuchModuleError:
        raise ConfigurationError(
            f"{setting} begins with {address.drivername}://, which is no database that is known. "
            "Begin it with postgresql+psycopg://, mysql+pymysql:// or sqlite:///."
        ) from None
    except ArgumentError:
        raise ConfigurationError(
            f"{setting} is no database address. Write it like postgresql+psycopg://user:password@host/database, "
            "mysql+pymysql://user:password@host/database or sqlite:///file.db."
        ) from None
    return address


def open_engine(address: URL, setting: str, **options: Any) -> Engine:
    """Make the engine for an address; it connects when first used. ConfigurationError for a driver that is missing."""
    try:
        return create_engine(
            address,
            **{
                "pool_pre_ping": address.get_backend_name() != "sqlite",
                "pool_recycle": _RECYCLE_SECONDS,
                "hide_parameters": True,  # an error's text must not quote a phone
                **options,
            },
        )
    except ImportError as error:  # the driver, or the library it is made over
        driver = error.name or address.get_driver_name()
        if driver in _OURS:
            raise ConfigurationError(
                f"{setting} means the driver {driver}. Begin it with {_OURS[driver]}://."
            ) from None
        extra = _EXTRAS.get(driver.partition(".")[0])
        install = f"Install it: .venv/bin/pip install -e '.[{extra}]'" if extra else "Install it with pip."
        raise ConfigurationError(f"{setting} needs the driver {driver}. {install}") from None


class Statement:
    """A compiled statement, run on the driver's cursor: a Core execute costs three times as much.

    Values are bound under the names of the statement's parameters.
    """

    def __init__(self, chosen: Select[Any], dialect: Dialect) -> None:
        compiled = chosen.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.sql = str(compiled)
        self._defaults = {name: _as_bound(compiled.binds[name], dialect) for name in compiled.bind_names.values()}
        self._order = compiled.positiontup

    def arrange(self, values: Mapping[str, Any]) -> list[Any] | dict[str, Any]:
        """Put the values the way the driver takes them: by position or by name."""
        named = {**self._defaults, **values}
        return named if self._order is None else [named[name] for name in self._order]

    def run(
        self, connection: PoolProxiedConnection, values: Mapping[str, Any], most: int
    ) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
        """Give the cursor's description and at most `most` rows. Raises what the driver raises."""
        cursor = connection.cursor()
        try:
            cursor.execute(self.sql, self.arrange(values))
            return cursor.description or (), cursor.fetchmany(most)
        finally:
            cursor.close()


class PinnedConnections:
    """A connection for each thread, for a statement that every call runs: going through the pool costs it twice.

    The engine is in AUTOCOMMIT, as a transaction would go on showing what was there when it began, and its pool has no
    limit: the server's threads are one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._of_thread = local()
        self._all: WeakSet[PoolProxiedConnection] = WeakSet()
        event.listen(engine, "engine_disposed", self._close)

    def run(self, statement: Statement, values: Mapping[str, Any], most: int) -> Sequence[Sequence[Any]]:
        """Give the rows of a statement. A connection that has died since its last use is replaced once."""
        pinned: PoolProxiedConnection | None = getattr(self._of_thread, "connection", None)
        if pinned is not None:
            try:
                return statement.run(pinned, values, most)[1]
            except self._engine.dialect.loaded_dbapi.Error:
                self._of_thread.connection = None
                pinned.invalidate()
        fresh = self._engine.raw_connection()
        rows = statement.run(fresh, values, most)[1]
        self._of_thread.connection = fresh
        self._all.add(fresh)
        return rows

    def _close(self, _: Engine) -> None:
        """Close what the engine's pool cannot know of any more."""
        for connection in list(self._all):
            connection.invalidate()


def _as_bound(bind: BindParameter[Any], dialect: Dialect) -> Any:
    """Give a fixed value the way the driver takes it: SQLite, for one, keeps dates as text."""
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return process(bind.value) if process and bind.value is not None else bind.value
