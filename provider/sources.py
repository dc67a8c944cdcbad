"""Sources: the partner's own databases, opened read only, one pooled engine each, never migrated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from provider.database import Statement, open_engine, read_address
from provider.errors import ConfigurationError, SourceUnavailable

_MEMORY = (None, "", ":memory:")


class Source:
    """One database by its name; `engine` is SQLAlchemy's, for whoever wants more than `fetch`."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.engine = _open(url, setting=f"PROVIDER_SOURCE_{name.upper()}_URL")
        self._errors = (self.engine.dialect.loaded_dbapi.Error, SQLAlchemyError)

    def fetch(
        self, statement: Statement, values: Mapping[str, Any], most: int
    ) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
        """Run a prepared statement; give the cursor's description and at most `most` rows. SourceUnavailable."""
        try:
            return statement.run(self.engine, values, most)
        except self._errors as error:
            raise SourceUnavailable from error


class Sources:
    """The configured sources, opened when first asked for."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._open: dict[str, Source] = {}

    def __getitem__(self, name: str) -> Source:
        if name not in self._open:
            if name not in self._urls:
                raise ConfigurationError(
                    f"source {name!r} is not configured. Set PROVIDER_SOURCE_{name.upper()}_URL to the database's "
                    "address, for instance sqlite:///shop.db."
                )
            self._open[name] = Source(name, self._urls[name])
        return self._open[name]

    def opened(self) -> list[Source]:
        """List the sources in use."""
        return list(self._open.values())


def _open(url: str, setting: str) -> Engine:
    address = read_address(url, setting)
    if address.get_backend_name() == "sqlite":
        address = _read_only_file(address, setting)
    # One read a lookup needs no transaction around it.
    engine = open_engine(address, setting, isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _read_any_text)
    return engine


def _read_any_text(connection: Any, _: Any) -> None:
    """Read text that is not UTF-8, which SQLite accepts, with a mark where it is broken instead of failing."""
    connection.text_factory = lambda raw: raw.decode(errors="replace")


def _read_only_file(address: URL, setting: str) -> URL:
    """Open a SQLite file in read-only mode; otherwise SQLite would answer a wrong path with a new, empty file."""
    if address.database in _MEMORY or not Path(str(address.database)).is_file():
        raise ConfigurationError(
            f"{setting} names the file {address.database!r}, which does not exist "
            f"(looked for in {Path.cwd()}). Correct the path."
        )
    return address.set(database=f"file:{address.database}", query={"mode": "ro", "uri": "true"})
