"""Every column type of the three databases comes back as JSON: text, numbers and booleans, and never an error."""

import pytest

from provider.dataset import Column

PHONE = "0359677657"

POSTGRESQL = [
    ("smallint", "-32768", -32768),
    ("integer", "2147483647", 2147483647),
    ("bigint", "9223372036854775807", 9223372036854775807),
    ("numeric", "12.50", 12.5),
    ("numeric(12,2)", "12500000.50", 12500000.5),
    ("numeric(30,2)", "1234567890123456789012345678.90", "1234567890123456789012345678.90"),
    ("numeric", "'NaN'", None),
    ("numeric", "'Infinity'", None),
    ("real", "1.5", 1.5),
    ("double precision", "0.1", 0.1),
    ("double precision", "'-Infinity'", None),
    ("double precision", "'NaN'", None),
    ("money", "'12.30'", "$12.30"),
    ("boolean", "true", True),
    ("varchar", "'Nguyễn'", "Nguyễn"),
    ("text", "E'two\\nlines'", "two\nlines"),
    ("char(5)", "'ab'", "ab"),
    ("bpchar", "'ab'", "ab"),
    ('"char"', "'a'", "a"),
    ("name", "'ab'", "ab"),
    ("bytea", r"'\x00ff'", "AP8="),
    ("date", "'1988-06-15'", "1988-06-15"),
    ("date", "'infinity'", "infinity"),
    ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
    ("time", "'09:30'", "09:30:00"),
    ("time", "'24:00'", "24:00:00"),
    ("time with time zone", "'09:30+07'", "09:30:00+07:00"),
    ("timestamp", "'2026-01-15 09:30:00.25'", "2026-01-15T09:30:00.250000"),
    ("timestamp", "'-infinity'", "-infinity"),
    ("timestamp", "'20260-01-15 09:30:00'", "20260-01-15 09:30:00"),
    ("timestamp with time zone", "'infinity'", "infinity"),
    ("interval", "'1 day 02:03:04.5'", "P1DT2H3M4.500000S"),
    ("interval", "'-90 minutes'", "-P0DT1H30M0S"),
    ("uuid", "'c9bf9e57-1685-4c89-bafb-ff5af830be8a'", "c9bf9e57-1685-4c89-bafb-ff5af830be8a"),
    ("json", """'{"a": [1, null]}'""", '{"a":[1,null]}'),
    ("jsonb", """'{"big": 123456789012345678901234567890}'""", '{"big":"123456789012345678901234567890"}'),
    ("jsonb", "'7'", 7),
    ("jsonb", "'null'", None),
    ("xml", "'<a>1</a>'", "<a>1</a>"),
    ("inet", "'192.168.0.1/24'", "192.168.0.1/24"),
    ("cidr", "'10.0.0.0/8'", "10.0.0.0/8"),
    ("macaddr", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
    ("bit(3)", "B'101'", "101"),
    ("bit varying", "B'1'", "1"),
    ("integer[]", "ARRAY[1,2,NULL]", "[1,2,null]"),
    ("text[]", "ARRAY['a','b']", '["a","b"]'),
    ("date[]", "ARRAY['infinity']::date[]", '["infinity"]'),
    ("numeric[]", "ARRAY['NaN', 1.5]::numeric[]", "[null,1.5]"),
    ("int4range", "'[1,5)'", "[1,5)"),
    ("daterange", "'[2026-01-01,2026-02-01)'", "[2026-01-01,2026-02-01)"),
    ("int4multirange", "'{[1,3),[5,7)}'", '["[1,3)","[5,7)"]'),
    ("point", "'(1,2)'", "(1,2)"),
    ("circle", "'<(0,0),1>'", "<(0,0),1>"),
    ("tsvector", "'a b'", "'a' 'b'"),
    ("oid", "42", 42),
    ("regclass", "'pg_class'", "pg_class"),
    ("pg_lsn", "'0/1'", "0/1"),
    ("mood", "'glad'", "glad"),
    ("mood[]", "ARRAY['glad','sad']::mood[]", '["glad","sad"]'),
    ("vn_phone", "'0359677657'", "0359677657"),
    ("pair", "ROW(1,'x')", "(1,x)"),
]

MARIADB = [
    ("TINYINT", "-128", -128),
    ("TINYINT(1)", "1", 1),
    ("BOOLEAN", "0", 0),
    ("SMALLINT UNSIGNED", "65535", 65535),
    ("MEDIUMINT", "1", 1),
    ("INT(5) ZEROFILL", "42", 42),
    ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
    ("DECIMAL(12,2)", "12500000.50", 12500000.5),
    ("DECIMAL(30,2)", "1234567890123456789012345678.90", "1234567890123456789012345678.90"),
    ("FLOAT", "1.5", 1.5),
    ("DOUBLE", "0.1", 0.1),
    ("BIT(1)", "1", 1),
    ("BIT(8)", "5", 5),
    ("CHAR(5)", "'ab'", "ab"),
    ("VARCHAR(20)", "'Nguyễn'", "Nguyễn"),
    ("VARCHAR(20) CHARACTER SET latin1", "'café'", "café"),
    ("TINYTEXT", "'a'", "a"),
    ("MEDIUMTEXT", "'a'", "a"),
    ("LONGTEXT", "'a'", "a"),
    ("BINARY(2)", "x'00ff'", "AP8="),
    ("VARBINARY(9)", "x'00ff'", "AP8="),
    ("BLOB", "x'00ff'", "AP8="),
    ("DATE", "'1988-06-15'", "1988-06-15"),
    ("DATE", "'0000-00-00'", "0000-00-00"),
    ("DATE", "'1988-00-00'", "1988-00-00"),
    ("DATETIME", "'2026-01-15 09:30:00'", "2026-01-15T09:30:00"),
    ("DATETIME", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("DATETIME(6)", "'2026-01-15 09:30:00.25'", "2026-01-15T09:30:00.250000"),
    ("TIMESTAMP NULL", "'2026-01-15 09:30:00'", "2026-01-15T09:30:00"),
    ("TIME", "'-838:59:59'", "-P34DT22H59M59S"),
    ("TIME", "'09:30'", "09:30:00"),
    ("YEAR", "1988", 1988),
    ("ENUM('glad','sad')", "'glad'", "glad"),
    ("ENUM('glad','sad')", "'wrong'", ""),
    ("SET('a','b')", "'b,a'", '["a","b"]'),
    ("JSON", """'{"a": 1}'""", '{"a": 1}'),
    ("UUID", "'c9bf9e57-1685-4c89-bafb-ff5af830be8a'", "c9bf9e57-1685-4c89-bafb-ff5af830be8a"),
    ("INET6", "'::1'", "::1"),
    ("INET4", "'10.0.0.1'", "10.0.0.1"),
    ("POINT", "ST_PointFromText('POINT(1 2)')", "AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA=="),
]

SQLITE = [
    ("INTEGER", "9223372036854775807", 9223372036854775807),
    ("REAL", "0.1", 0.1),
    ("REAL", "9e999", None),
    ("NUMERIC(12,2)", "12500000.5", 12500000.5),
    ("BOOLEAN", "1", True),
    ("BOOLEAN", "'maybe'", "maybe"),
    ("TEXT", "'Nguyễn'", "Nguyễn"),
    ("TEXT", "CAST(x'ff41' AS TEXT)", "\ufffdA"),
    ("DATE", "'1988-06-15'", "1988-06-15"),
    ("DATE", "'15/06/1988'", "15/06/1988"),
    ("DATETIME", "'2026-01-15 09:30:00'", "2026-01-15T09:30:00"),
    ("DATETIME", "1700000000", 1700000000),
    ("TIME", "'09:30:00'", "09:30:00"),
    ("BLOB", "x'00ff'", "AP8="),
    ("JSON", """'{"a": 1}'""", '{"a":1}'),
    ("JSON", "'{'", "{"),
    ("", "7", 7),
    ("WHATEVER", "'x'", "x"),
]


def answers(database, types):
    """Give what becomes of each value in a column of its type, all in one row."""
    columns = ", ".join(f"v{number} {kind}" for number, (kind, _, _) in enumerate(types))
    values = ", ".join(value for _, value, _ in types).replace(":", r"\:")
    ask = database.serve(
        f"CREATE TABLE t (mobile VARCHAR(20), {columns})",
        f"INSERT INTO t VALUES ('{PHONE}', {values})",
        record={f"v{number}": f"v{number}" for number in range(len(types))},
        several="first",
    )
    found = ask(phone=PHONE)
    return [(kind, value, found.get(f"v{number}")) for number, (kind, value, _) in enumerate(types)]


@pytest.mark.parametrize("_server", ["postgresql"], indirect=True, scope="session")
def test_postgresql_types(database):
    """Each type of PostgreSQL is answered; dates that Python cannot hold as their text."""
    database.run(
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TYPE pair AS (a integer, b text)",
        "CREATE DOMAIN vn_phone AS varchar(20) CHECK (VALUE ~ '^0')",
    )
    assert answers(database, POSTGRESQL) == POSTGRESQL


@pytest.mark.parametrize("_server", ["mariadb"], indirect=True, scope="session")
def test_mariadb_types(database):
    """Each type of MariaDB is answered, zero dates as their text."""
    database.url += "&init_command=SET%20sql_mode%3D''"
    assert answers(database, MARIADB) == MARIADB


@pytest.mark.parametrize("_server", ["sqlite"], indirect=True, scope="session")
def test_sqlite_types(database):
    """Whatever SQLite keeps in a column is answered: as the column's type where possible, else as it is."""
    assert answers(database, SQLITE) == SQLITE


@pytest.mark.parametrize("_server", ["postgresql"], indirect=True, scope="session")
def test_a_value_added_to_an_enumeration_is_answered(database):
    """An enumeration that gets a new value while the service runs is no error."""
    ask = database.serve(
        "CREATE TYPE mood AS ENUM ('sad')", f"CREATE TABLE t AS SELECT '{PHONE}' AS mobile, 'sad'::mood AS v"
    )
    database.run("ALTER TYPE mood ADD VALUE 'glad'")
    database.run("UPDATE t SET v = 'glad'")
    assert ask(phone=PHONE) == {"v": "glad"}


@pytest.mark.parametrize("_server", ["postgresql"], indirect=True, scope="session")
@pytest.mark.parametrize(
    ("kind", "held"),
    [("vn_phone", "0359677657"), ("text", "0359677657"), ("name", "0359677657"), ("bpchar(12)", "0359677657")],
)
def test_identifiers_of_postgresqls_own_types(database, kind, held):
    """A domain's own check is not applied to what a caller sends: +84 is compared, and is not there."""
    ask = database.serve(
        "DROP DOMAIN IF EXISTS vn_phone CASCADE",
        "CREATE DOMAIN vn_phone AS varchar(20) CHECK (VALUE ~ '^0')",
        f"CREATE TABLE t (mobile {kind}, v INTEGER)",
        f"INSERT INTO t VALUES ('{held}', 1)",
        identifiers={"phone": Column("mobile", stored_as=("e164", "national"))},
    )
    assert ask(phone=PHONE) == {"v": 1}
