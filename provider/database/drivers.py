"""Drivers: what each database's driver must be told, and what its errors mean."""

import math
import time
from functools import cache
from operator import methodcaller
from typing import Any

from sqlalchemy import URL, Dialect

_SQLITE_STEPS = 10_000
"""Steps of SQLite's virtual machine between two checks of the time: about a tenth of a millisecond."""

_MYSQL_CLIENT_ERRORS = 2000
_MYSQL_DOWN = (1040, 1044, 1045, 1049, 1053, 1152, 1158, 1159, 1160, 1161, 1205)
"""Server errors that concern every statement: too many connections, no access, shutdown, network, locks."""
_MYSQL_TOO_SLOW = (1969, 3024)
"""A statement reached the time limit, in MariaDB and in MySQL."""
_MYSQL_LOST = 2013
_MYSQL_CONFLICTS = (1020, 1213)
"""A row changed meanwhile; a deadlock."""

_POSTGRESQL_TOO_SLOW = "57014"
_POSTGRESQL_ONE_STATEMENT = ("40", "55", _POSTGRESQL_TOO_SLOW)
"""How the SQLSTATE of errors of one statement begins: conflicts, locks, the time limit (Appendix A)."""
_POSTGRESQL_CONFLICTS = ("40001", "40P01")
"""The SQLSTATE of a serialization failure and of a deadlock."""
_POSTGRESQL_TIMES = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")

GRACE = 0.5
"""Seconds a database has after the limit to end a statement itself, before the connection is closed."""


class Deadline:
    """Stops a SQLite statement that takes too long: SQLite has no time limit, but calls a progress handler."""

    def __init__(self) -> None:
        self.at = math.inf

    def __call__(self) -> bool:
        """Tell SQLite whether to stop."""
        return time.monotonic() > self.at


def connect_arguments(address: URL, limit: float, *, own: bool = False) -> dict[str, Any]:
    """Give each driver's own arguments that limit connecting and waiting for the network, to `limit` seconds.

    `own` is the provider database, whose statements may be prepared on the server.
    """
    seconds = max(1, round(limit))
    match address.get_driver_name():
        case "psycopg":
            return {
                "connect_timeout": max(2, seconds),  # libpq takes 1 for 2
                "tcp_user_timeout": round(limit * 1000),
                "keepalives_idle": seconds,
                # Behind pgbouncer the next statement may run in another session, which lacks the prepared one.
                **({} if own else {"prepare_threshold": None}),
            }
        case "pymysql":
            return {"connect_timeout": limit, "read_timeout": limit + GRACE, "charset": "utf8mb4"}
        case "pysqlite":
            return {"timeout": limit}
        case "pyodbc":
            return {"timeout": seconds}
        case "oracledb":
            return {"tcp_connect_timeout": limit}
    return {}


def prepare(connection: Any, info: dict[Any, Any], dialect: Dialect, limit: float, *, own: bool = False) -> None:
    """Make a fresh connection read only, and its statements limited in time."""
    milliseconds = max(1, round(limit * 1000))  # 0 is no limit at all
    match dialect.name:
        case "sqlite":
            # SQLite accepts text that is not UTF-8: each broken byte is read as U+FFFD.
            connection.text_factory = methodcaller("decode", "utf-8", "replace")
            info["deadline"] = deadline = Deadline()
            connection.set_progress_handler(deadline, _SQLITE_STEPS)
        case "mysql" | "mariadb":
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                if "MariaDB" in connection.get_server_info():
                    cursor.execute(f"SET SESSION max_statement_time = {milliseconds / 1000}")
                else:
                    cursor.execute(f"SET SESSION max_execution_time = {milliseconds}")
        case "postgresql":
            connection.autocommit = True
            with connection.cursor() as cursor:
                # Not as start-up options: pgbouncer refuses those.
                cursor.execute(f"SET statement_timeout = {milliseconds}")
                cursor.execute("SET default_transaction_read_only = on")
                if own:
                    # An index serves every statement there; a plan made while a table was empty would read all of it.
                    cursor.execute("SET enable_seqscan = off")
            if dialect.driver == "psycopg":
                for name, loader in _lenient_loaders().items():
                    connection.adapters.register_loader(name, loader)
        case "mssql":
            connection.timeout = max(1, round(limit))
        case "oracle":
            connection.call_timeout = milliseconds


@cache
def _lenient_loaders() -> dict[str, Any]:
    """Make psycopg read dates that Python cannot hold (infinity, 44 BC, 24:00:00) as text; it would raise an error."""
    from psycopg import DataError, adapters  # noqa: PLC0415 -- an extra
    from psycopg.adapt import Loader  # noqa: PLC0415
    from psycopg.pq import Format  # noqa: PLC0415

    def lenient(strict: Any) -> type[Loader]:
        class LenientLoader(Loader):
            def __init__(self, oid: int, context: Any = None) -> None:
                super().__init__(oid, context)
                self._load = strict(oid, context).load

            def load(self, data: Any) -> Any:
                try:
                    return self._load(data)
                except (DataError, OverflowError):
                    return bytes(data).decode()

        return LenientLoader

    oids = {name: adapters.types[name].oid for name in _POSTGRESQL_TIMES}
    return {name: lenient(adapters.get_loader(oid, Format.TEXT)) for name, oid in oids.items()}


def is_timeout(error: BaseException, dialect: Dialect) -> bool:
    """Tell whether a statement was ended because it reached the time limit."""
    cause = getattr(error, "orig", None) or error
    match dialect.name:
        case "postgresql":
            # Not by its text, which is in the language of the server.
            return getattr(cause, "sqlstate", None) == _POSTGRESQL_TOO_SLOW
        case "mysql" | "mariadb":
            code = cause.args[0] if cause.args else None
            return code in _MYSQL_TOO_SLOW or (code == _MYSQL_LOST and "timed out" in str(cause))
        case "sqlite":
            return str(cause) == "interrupted"
        case "mssql":
            return "HYT00" in str(cause)
        case "oracle":
            return "DPY-4024" in str(cause)
    return False


def is_down(error: BaseException, dialect: Dialect) -> bool:
    """Tell whether the database itself is down, or only this one statement failed."""
    cause = getattr(error, "orig", None) or error
    driver = dialect.loaded_dbapi
    if isinstance(cause, (driver.InterfaceError, OSError)):
        return True
    if not isinstance(cause, driver.OperationalError):
        return False
    match dialect.name:
        case "sqlite":
            return "locked" in str(cause)
        case "mysql" | "mariadb":
            return not cause.args or cause.args[0] >= _MYSQL_CLIENT_ERRORS or cause.args[0] in _MYSQL_DOWN
        case "postgresql":
            return not (getattr(cause, "sqlstate", None) or "").startswith(_POSTGRESQL_ONE_STATEMENT)
    return not is_timeout(error, dialect)


def is_conflict(error: BaseException, dialect: Dialect) -> bool:
    """Tell whether a transaction failed because of another one, so that it may be tried again unchanged."""
    cause = getattr(error, "orig", None) or error
    match dialect.name:
        case "postgresql":
            return getattr(cause, "sqlstate", None) in _POSTGRESQL_CONFLICTS
        case "mysql" | "mariadb":
            return bool(cause.args) and cause.args[0] in _MYSQL_CONFLICTS
    return False
