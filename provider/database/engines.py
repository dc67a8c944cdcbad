"""Opens a database by its address, the service's own or a partner's."""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from provider.errors import ConfigurationError

_EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql", "pyodbc": "sqlserver", "oracledb": "oracle"}
_TESTED_DRIVERS = {"psycopg2": "postgresql+psycopg", "MySQLdb": "mysql+pymysql", "cx_Oracle": "oracle+oracledb"}
"""Drivers that we do not test, each with how an address begins for the driver that we test."""
_RECYCLE_SECONDS = 1800


def read_address(url: str, setting: str) -> URL:
    """Read a database address; ConfigurationError names the setting, never the address: it may hold a password."""
    try:
        address = make_url(url)
        address.get_dialect()
    except NoSuchModuleError:
        raise ConfigurationError(
            f"{setting} begins with {address.drivername}://, which is not a known database. "
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
    except ImportError as error:  # the driver, or a library it needs
        driver = error.name or address.get_driver_name()
        if driver in _TESTED_DRIVERS:
            raise ConfigurationError(
                f"{setting} means the driver {driver}. Begin it with {_TESTED_DRIVERS[driver]}://."
            ) from None
        extra = _EXTRAS.get(driver.partition(".")[0])
        install = f"Install it: pip install 'access-data-provider[{extra}]'" if extra else "Install it with pip."
        raise ConfigurationError(f"{setting} needs the driver {driver}. {install}") from None
