"""Every driver is told the time limit in its own arguments, also those of databases that no test runs on."""

from types import SimpleNamespace

import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.dialects.oracle.oracledb import OracleDialect_oracledb

from provider.database.drivers import connect_arguments, is_timeout, prepare

SQL_SERVER, ORACLE = MSDialect_pyodbc(), OracleDialect_oracledb()


@pytest.mark.parametrize(
    ("address", "limit", "arguments"),
    [
        ("mssql+pyodbc://host/db", 2.0, {"timeout": 2}),
        ("mssql+pyodbc://host/db", 0.2, {"timeout": 1}),
        ("oracle+oracledb://host/db", 0.5, {"tcp_connect_timeout": 0.5}),
        ("mssql+pymssql://host/db", 2.0, {}),
    ],
)
def test_connecting_has_a_limit(address, limit, arguments):
    """The driver gets the limit in the unit it takes; 0, which means no limit, is never given."""
    assert connect_arguments(make_url(address), limit) == arguments


@pytest.mark.parametrize(
    ("dialect", "limit", "told"),
    [
        (SQL_SERVER, 2.0, {"timeout": 2}),
        (SQL_SERVER, 0.2, {"timeout": 1}),
        (ORACLE, 2.0, {"call_timeout": 2000}),
        (ORACLE, 0.0001, {"call_timeout": 1}),
    ],
)
def test_a_statement_has_a_limit(dialect, limit, told):
    """A fresh connection has the limit of a statement: in seconds for SQL Server, in milliseconds for Oracle."""
    connection = SimpleNamespace()
    prepare(connection, {}, dialect, limit)
    assert vars(connection) == told


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (SQL_SERVER, "('HYT00', '[HYT00] [Microsoft][ODBC Driver 18 for SQL Server]Query timeout expired')", True),
        (SQL_SERVER, "('42S02', \"[42S02] Invalid object name 't'.\")", False),
        (ORACLE, "DPY-4024: call timeout of 2000 ms exceeded", True),
        (ORACLE, "ORA-00942: table or view does not exist", False),
    ],
)
def test_a_statement_that_reached_the_limit_is_told_from_others(dialect, text, expected):
    """The driver's own code tells a statement that was ended by the limit from one that failed."""
    assert is_timeout(Exception(text), dialect) is expected
