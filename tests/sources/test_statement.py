"""A lookup is one statement, served by an index, which cannot write; SQL Server and Oracle get it in their own SQL."""

import re
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import (
    CHAR,
    NVARCHAR,
    VARCHAR,
    Date,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy import (
    Column as TableColumn,
)
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.dialects.oracle.oracledb import OracleDialect_oracledb
from sqlalchemy.exc import SQLAlchemyError

from provider.contract.identity import canonical_phone
from provider.database.sources import Sources
from provider.dataset import Column, Field, Query
from provider.dataset.lookup_statement import LookupStatement, Rules
from provider.errors import ConfigurationError

PHONE, EMAIL = "0359677657", "dee@bytetech.io"
FORMS = ("national", "e164", "international")
WANTED = {"phone": Column("mobile", stored_as=FORMS), "email": Column("mail", case_insensitive=True), "code": "code"}
BIG = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, mobile VARCHAR(20), mail VARCHAR(80), code CHAR(9), made DATE, v INTEGER)",
    "CREATE INDEX by_mobile ON t (mobile)",
    "CREATE INDEX by_code ON t (code)",
)


def fill(database):
    """Fill the table with enough rows for a database to prefer the index."""
    rows = "SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 900"
    number = "n" if database.kind == "sqlite" else "CAST(n AS CHAR(3))"
    join = f"'03596' || {number}" if database.kind != "mariadb" else f"concat('03596', {number})"
    select = f"SELECT n, {join}, {join}, {number}, NULL, n FROM numbers"
    with_rows = f"WITH RECURSIVE numbers AS ({rows}) {select}"
    database.run(
        *BIG,
        f"INSERT INTO t {with_rows}",
        "ANALYZE TABLE t" if database.kind == "mariadb" else "ANALYZE t",
        f"INSERT INTO t VALUES (5000, '{PHONE}', 'Dee@bytetech.io', 'E094', NULL, 7)",
    )
    if database.kind != "mariadb":
        database.run("CREATE INDEX by_mail ON t (lower(mail))", "ANALYZE t")
    else:
        database.run("CREATE INDEX by_mail ON t (mail)", "ANALYZE TABLE t")


def wanted(database):
    """Declare identifiers that the table's indexes serve: MariaDB compares without regard to case by itself."""
    return {**WANTED, "email": "mail"} if database.kind == "mariadb" else WANTED


def count(source, ask, trace):
    """Count the statements of one call, on the server's side or on the wire."""
    match source.engine.dialect.name:
        case "mysql":
            questions(source)
            began = questions(source)
            ask()
            return questions(source) - began - 1
        case "postgresql":
            with trace.open("w+b") as file:
                with closing(source.engine.raw_connection()) as connection:
                    pgconn = connection.driver_connection.pgconn
                    pgconn.trace(file.fileno())
                ask()
                pgconn.untrace()
            return len(re.findall(r"\tF\t\d+\t(?:Query|Parse)", trace.read_text(errors="replace")))
    statements = []
    with closing(source.engine.raw_connection()) as connection:
        connection.driver_connection.set_trace_callback(statements.append)
    ask()
    return len(statements)


def questions(source):
    """Read how many statements MariaDB has been sent on the one connection of the pool."""
    with closing(source.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


@pytest.mark.parametrize(
    "sent",
    [{"phone": PHONE}, {"phone": PHONE, "email": EMAIL, "code": "E094"}, {"phone": "0359677659", "email": EMAIL}],
)
def test_a_lookup_is_one_statement(database, tmp_path, sent):
    """However many identifiers come, the database is asked once, with no transaction around it."""
    fill(database)
    source = database.source()
    find = database.prepared(identifiers=wanted(database), newest_by="made").reader(source).read
    phone, email, code = canonical_phone(sent["phone"]), sent.get("email"), sent.get("code")
    query = Query(phone=phone, email=email, identifiers={"code": code} if code else {})
    assert find(query) == {"v": 7}
    assert count(source, lambda: find(query), tmp_path / "trace") == 1


@pytest.mark.parametrize("match", ["first", "any"])
def test_every_way_to_a_row_is_served_by_its_index(database, match):
    """The database's plan reads no whole table, neither for padded nor for lower-cased columns."""
    fill(database)
    reader = database.prepared(identifiers=wanted(database), match=match, newest_by="made").reader(database.source())
    query = Query(phone=canonical_phone(PHONE), email=EMAIL, identifiers={"code": "E094"})
    statement, values = reader.statement.for_query(query)
    explain = "EXPLAIN QUERY PLAN " if database.kind == "sqlite" else "EXPLAIN "
    with closing(reader.source.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        if database.kind == "postgresql":
            cursor.execute("SET enable_seqscan = off")  # so few rows are read whole where that is allowed
        cursor.execute(explain + statement.sql, statement.arrange(values))
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert all(index in plan for index in ("by_mobile", "by_mail", "by_code")), plan
    assert not re.search(r"SCAN t\b|Seq Scan|'t', 'ALL'", plan), plan


WRITES = (
    "INSERT INTO t VALUES (9, 'x', 'x', 'x', NULL, 9)",
    "UPDATE t SET v = 0",
    "DELETE FROM t",
    "DROP TABLE t",
    "CREATE TABLE u (a INTEGER)",
    "ALTER TABLE t ADD COLUMN w INTEGER",
    "CREATE INDEX i ON t (v)",
)


@pytest.mark.parametrize("statement", WRITES)
def test_nothing_can_be_written_through_a_source(database, statement):
    """A source refuses every statement that writes, inside a transaction as well."""
    database.run(*BIG, f"INSERT INTO t VALUES (1, '{PHONE}', 'a', 'b', NULL, 7)")
    source = database.source()
    for before in ("SELECT 1", "BEGIN"):
        with source.engine.connect() as connection:
            connection.exec_driver_sql(before)
            with pytest.raises(SQLAlchemyError):
                connection.exec_driver_sql(statement)
            connection.invalidate()
    assert database.run("SELECT v FROM t") == [(7,)]


@pytest.mark.parametrize("_server", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_a_function_cannot_write_either(database):
    """A view that writes behind the scenes is refused too: the session itself is read only."""
    database.run(*BIG, f"INSERT INTO t VALUES (1, '{PHONE}', 'a', 'b', NULL, 7)")
    if database.kind == "postgresql":
        database.run(
            "CREATE FUNCTION touch() RETURNS integer LANGUAGE sql SECURITY DEFINER AS "
            "'UPDATE t SET v = v + 1 RETURNING v'"
        )
    else:
        database.run(
            "CREATE FUNCTION touch() RETURNS INTEGER MODIFIES SQL DATA BEGIN UPDATE t SET v = v + 1; RETURN 1; END"
        )
    source = database.source()
    with source.engine.connect() as connection, pytest.raises(SQLAlchemyError):
        connection.exec_driver_sql("SELECT touch()")
    assert database.run("SELECT v FROM t") == [(7,)]


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("mssql+pyodbc://host/db", r"needs the driver pyodbc. Install it: .*\[sqlserver\]"),
        ("oracle+oracledb://host/db", r"needs the driver oracledb. Install it: .*\[oracle\]"),
        ("postgresql+psycopg2://host/db", r"Begin it with postgresql\+psycopg://"),
        ("mysql://host/db", r"Begin it with mysql\+pymysql://"),
        ("mssql+pymssql://host/db", "needs the driver pymssql"),
    ],
)
def test_a_missing_driver_is_named_with_what_installs_it(url, advice):
    """A driver that is not installed is named, with the extra that brings it or the address that needs another."""
    with pytest.raises(ConfigurationError, match=rf"PROVIDER_SOURCE_SHOP_URL .*{advice}"):
        Sources({"shop": url})["shop"]


@pytest.mark.parametrize(("driver", "extra"), [("psycopg", "postgresql"), ("pymysql", "mysql")])
def test_our_own_drivers_are_extras(tmp_path, driver, extra):
    """Without the driver of an address the start stops with one line that says which extra to install."""
    (tmp_path / f"{driver}.py").write_text(f"raise ModuleNotFoundError('No module', name='{driver}')")
    program = (
        "from provider.database.sources import Sources\nfrom provider.errors import ConfigurationError\n"
        f"try: Sources({{'shop': '{extra}+{driver}://host/db'}})['shop']\nexcept ConfigurationError as e: print(e)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert f"needs the driver {driver}. Install it: pip install 'access-data-provider[{extra}]'" in done.stdout


def test_a_source_that_is_not_configured_is_named():
    """A dataset on a source nobody configured says which setting is missing."""
    with pytest.raises(ConfigurationError, match="PROVIDER_SOURCE_CRM_URL"):
        Sources({})["crm"]


SQL_SERVER, ORACLE = MSDialect_pyodbc(paramstyle="qmark"), OracleDialect_oracledb()
LIST = {"limit": 5, "newest_by": None, "several": "error"}
MEMBERS = Table(
    "Members",
    MetaData(),
    TableColumn("Id", Integer, primary_key=True),
    TableColumn("mobile", VARCHAR(20)),
    TableColumn("mail", NVARCHAR(80)),
    TableColumn("code", CHAR(10)),
    TableColumn("made", Date),
    schema="crm",
)


def lookup_statement(dialect, **rules):
    """Write the lookups of a table that is declared, not reflected: nothing is connected to."""
    return LookupStatement(
        dialect,
        MEMBERS,
        fields={"id": Field("Id"), "code": Field("code")},
        identifiers={
            "phone": Column("mobile", stored_as=("national", "e164")),
            "email": Column("mail"),
            "code": Column("code"),
        },
        rules=Rules(**{"match": "first", "several": "newest", "limit": 0, "newest_by": "made"} | rules),
    )


def sql(dialect, *used, **rules):
    """Write a statement on one line."""
    return " ".join(lookup_statement(dialect, **rules).prepared(used).sql.split())


def test_sql_server_is_asked_in_its_own_words():
    """SQL Server gets TOP, and VARCHAR columns are compared with VARCHAR so that their index serves."""
    found = "crm.[Members].[Id] AS c0, crm.[Members].code AS c1"
    hidden = "crm.[Members].[Id] AS k0, crm.[Members].made AS newest"
    narrow = (
        "crm.[Members].mobile IN (CAST(? AS VARCHAR(8000)), CAST(? AS VARCHAR(8000))) "
        "AND crm.[Members].mobile IN (?, ?)"
    )
    assert sql(SQL_SERVER, "phone") == (
        f"SELECT TOP 1 {found}, 0 AS precedence FROM crm.[Members] WHERE {narrow} "
        "ORDER BY CASE WHEN (crm.[Members].made IS NULL) THEN 1 ELSE 0 END, crm.[Members].made DESC, crm.[Members].[Id]"
    )
    assert sql(SQL_SERVER, "phone", "email") == (
        "SELECT TOP 1 found.c0, found.c1, found.precedence FROM ("
        f"SELECT {found}, {hidden}, 0 AS precedence FROM crm.[Members] WHERE {narrow} UNION ALL "
        f"SELECT {found}, {hidden}, 1 AS precedence FROM crm.[Members] WHERE crm.[Members].mail = ?) AS found "
        "ORDER BY found.precedence, CASE WHEN (found.newest IS NULL) THEN 1 ELSE 0 END, found.newest DESC, found.k0"
    )
    assert sql(SQL_SERVER, "email", **LIST) == (
        f"SELECT TOP 5 {found}, count(*) OVER () AS total, 0 AS precedence FROM crm.[Members] "
        "WHERE crm.[Members].mail = ? ORDER BY crm.[Members].[Id]"
    )


def test_sql_server_takes_values_by_position():
    """A value that stands twice in a statement is given twice."""
    statement = lookup_statement(SQL_SERVER)
    used, values = statement.bind(Query(phone=canonical_phone(PHONE)))
    assert statement.prepared(used).arrange(values) == [PHONE, "+84359677657"] * 2


def test_oracle_is_asked_in_its_own_words():
    """Oracle gets FETCH FIRST, its own quotes and values by name."""
    found = 'crm."Members"."Id" AS c0, crm."Members".code AS c1'
    hidden = 'crm."Members"."Id" AS k0, crm."Members".made AS newest'
    assert sql(ORACLE, "phone", "email") == (
        "SELECT found.c0, found.c1, found.precedence FROM ("
        f'SELECT {found}, {hidden}, 0 AS precedence FROM crm."Members" WHERE crm."Members".mobile IN (:i0_0, :i0_1) '
        f'UNION ALL SELECT {found}, {hidden}, 1 AS precedence FROM crm."Members" WHERE crm."Members".mail = :i1_0'
        ") found ORDER BY found.precedence, CASE WHEN (found.newest IS NULL) THEN 1 ELSE 0 END, found.newest DESC, "
        "found.k0 FETCH FIRST 1 ROWS ONLY"
    )
    assert sql(ORACLE, "email", **LIST) == (
        f'SELECT {found}, count(*) OVER () AS total, 0 AS precedence FROM crm."Members" '
        'WHERE crm."Members".mail = :i1_0 ORDER BY crm."Members"."Id" FETCH FIRST 5 ROWS ONLY'
    )


@pytest.mark.parametrize("dialect", [SQL_SERVER, ORACLE], ids=["SQL Server", "Oracle"])
def test_no_row_is_ordered_by_a_long_text(dialect):
    """SQL Server and Oracle cannot order by a long text: rows without a key are ordered by the other columns."""
    keyless = Table("notes", MetaData(), TableColumn("mobile", VARCHAR(20)), TableColumn("note", Text))
    statement = LookupStatement(
        dialect,
        keyless,
        fields={"note": Field("note"), "phone": Field("mobile")},
        identifiers={"phone": Column("mobile")},
        rules=Rules(match="first", several="first", limit=0),
    )
    order = statement.prepared(("phone",)).sql.partition("ORDER BY ")[2]
    assert order.split()[0] in ("c1", "notes.mobile")


def test_values_for_oracles_char_columns_are_padded():
    """Oracle compares a bound VARCHAR2 with CHAR exactly, blanks and all."""
    query = Query(identifiers={"code": "E094"})
    assert lookup_statement(ORACLE).bind(query) == (("code",), {"i2_0": "E094      "})
    assert lookup_statement(SQL_SERVER).bind(query) == (("code",), {"i2_0": "E094"})
