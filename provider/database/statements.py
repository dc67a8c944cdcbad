"""Compiles a statement once and runs it on the driver's cursor; keeps a connection for each thread."""

from collections.abc import Mapping, Sequence
from threading import local
from typing import Any
from weakref import WeakSet

from sqlalchemy import BindParameter, Dialect, Engine, PoolProxiedConnection, Select, event


class Statement:
    """A compiled statement, run on the driver's cursor: a Core execute costs three times as much.

    Values are bound under the names of the statement's parameters.
    """

    def __init__(self, select: Select[Any], dialect: Dialect) -> None:
        compiled = select.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.sql = str(compiled)
        self._defaults = {name: _as_bound(compiled.binds[name], dialect) for name in compiled.bind_names.values()}
        self._order = compiled.positiontup

    def arrange(self, values: Mapping[str, Any]) -> list[Any] | dict[str, Any]:
        """Arrange the values in the form the driver takes: by position or by name."""
        named = {**self._defaults, **values}
        return named if self._order is None else [named[name] for name in self._order]

    def run(
        self, connection: PoolProxiedConnection, values: Mapping[str, Any], most: int
    ) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
        """Return the cursor's description and at most `most` rows. Raises what the driver raises."""
        cursor = connection.cursor()
        try:
            cursor.execute(self.sql, self.arrange(values))
            return cursor.description or (), cursor.fetchmany(most)
        finally:
            cursor.close()


class PinnedConnections:
    """A connection for each thread, for a statement that every call runs: through the pool it would take twice as long.

    The engine must be in AUTOCOMMIT: a long transaction would not see later changes. Its pool must have no limit of
    connections: there are as many as threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._of_thread = local()
        self._all: WeakSet[PoolProxiedConnection] = WeakSet()
        event.listen(engine, "engine_disposed", self._close)

    def run(self, statement: Statement, values: Mapping[str, Any], most: int) -> Sequence[Sequence[Any]]:
        """Return the rows of a statement. A connection that was lost since its last use is replaced once."""
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
        """Close the connections in use, which disposing the engine leaves open."""
        for connection in list(self._all):
            connection.invalidate()


def _as_bound(bind: BindParameter[Any], dialect: Dialect) -> Any:
    """Return a fixed value in the form the driver takes: SQLite, for example, stores dates as text."""
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return process(bind.value) if process and bind.value is not None else bind.value
