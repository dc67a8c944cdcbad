"""TableDataset: the right row of a table or a view, and no row a database can hold makes it fail."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import literal_column, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from provider.database.sources import Source, Sources
from provider.database.statements import Statement
from provider.dataset import Column, TableDataset
from provider.errors import Ambiguous, NotFound, SourceUnavailable
from provider.lookup import lookup

STORED = {"national": "0359677657", "e164": "+84359677657", "international": "84359677657"}


@pytest.fixture
def serve(make_source: Callable[..., dict[str, str]]) -> Iterator[Callable[..., Callable[..., Any]]]:
    """Make a prepared dataset over a new table, and give the function that asks it."""
    opened = []

    def serve(script: str, *inserts: tuple[str, tuple[Any, ...]], **described: Any) -> Callable[..., Any]:
        sources = Sources(make_source(script, *inserts))
        opened.append(sources)
        dataset = TableDataset(**{"name": "thing", "source": "shop", "table": "t"} | described)
        dataset.prepare(sources)
        return lambda **raw: lookup(dataset, raw)

    yield serve
    for sources in opened:
        for source in sources.opened():
            source.engine.dispose()


@pytest.mark.parametrize("form", STORED)
@pytest.mark.parametrize("kind", ["TEXT", "VARCHAR(20)", "CHAR(12)"])
@pytest.mark.parametrize("written", ["0359677657", "+84 359 677 657", "84359677657", "(+84) 0359-677-657"])
def test_a_phone_is_found_in_the_form_it_is_stored(serve, form, kind, written):
    """A phone written in any form finds the row, in whichever form the table stores phones."""
    ask = serve(
        f"CREATE TABLE t (mobile {kind}, v); INSERT INTO t VALUES ('{STORED[form]}', 1), ('0359677658', 2)",
        identifiers={"phone": Column("mobile", stored_as=(form,))},
        record={"v": "v"},
    )
    assert ask(phone=written) == {"v": 1}


def test_a_table_may_store_phones_in_several_forms(serve):
    """With several forms in stored_as, each row is found in its own."""
    ask = serve(
        "CREATE TABLE t (mobile, v);INSERT INTO t VALUES ('0359677651', 1), ('+84359677652', 2), ('84359677653', 3)",
        identifiers={"phone": Column("mobile", stored_as=tuple(STORED))},
        record={"v": "v"},
    )
    assert [ask(phone=f"035967765{last}") for last in (1, 2, 3)] == [{"v": 1}, {"v": 2}, {"v": 3}]


def test_a_form_that_is_not_declared_is_not_compared(serve):
    """A table said to store national phones is not searched for another form: an index serves the one that is."""
    ask = serve(
        "CREATE TABLE t (mobile TEXT, v); INSERT INTO t VALUES ('+84359677657', 1)",
        identifiers={"phone": "mobile"},
        record={"v": "v"},
    )
    with pytest.raises(NotFound):
        ask(phone="0359677657")


@pytest.mark.parametrize("kind", ["INTEGER", "BIGINT", "INT"])
@pytest.mark.parametrize(("form", "stored"), [("national", 359677657), ("international", 84359677657)])
def test_a_phone_in_a_column_of_integers_is_found(serve, kind, form, stored):
    """A column of integers is compared as integers: it has lost the leading zero, and a plus."""
    ask = serve(
        f"CREATE TABLE t (mobile {kind}, v); INSERT INTO t VALUES ({stored}, 1)",
        identifiers={"phone": Column("mobile", stored_as=(form,))},
        record={"v": "v"},
    )
    assert ask(phone="0359677657") == {"v": 1}


@pytest.mark.parametrize("sent", ["M1", "1.5", "", "1e3", "0x1", "٣", "9" * 19, "9" * 400, "-" + "9" * 19, "NaN"])
def test_what_is_no_integer_matches_no_integer(serve, sent):
    """Text that is no integer of 64 bits matches no row of a column of integers, and is no error."""
    ask = serve(
        "CREATE TABLE t (number INTEGER, mail TEXT, v); INSERT INTO t VALUES (3, 'dee@bytetech.io', 1)",
        identifiers={"memberNumber": "number", "email": "mail"},
        record={"v": "v"},
    )
    assert ask(memberNumber=3) == {"v": 1}
    assert ask(memberNumber="03") == {"v": 1}
    assert ask(memberNumber=sent, email="dee@bytetech.io") == {"v": 1}
    with pytest.raises(NotFound):
        ask(memberNumber=sent, email="lan@bytetech.io")


def test_a_number_of_another_country_is_nobody_in_a_national_table(serve):
    """A foreign number has no national form, so it is not mistaken for a local one."""
    ask = serve(
        "CREATE TABLE t (mobile TEXT, v); INSERT INTO t VALUES ('091234567', 1), ('91234567', 2), ('+6591234567', 3)",
        identifiers={"phone": "mobile"},
        record={"v": "v"},
    )
    with pytest.raises(NotFound):
        ask(phone="+6591234567")
    ask = serve(
        "DROP TABLE t; CREATE TABLE t (mobile TEXT, v); INSERT INTO t VALUES ('+6591234567', 3), ('', 4), (NULL, 5)",
        identifiers={"phone": Column("mobile", stored_as=("national", "e164"))},
        record={"v": "v"},
    )
    assert ask(phone="+6591234567") == {"v": 3}


def test_an_email_is_compared_in_lower_case(serve):
    """A plain column is compared with the email in lower case; case_insensitive finds rows stored otherwise."""
    script = "CREATE TABLE t (mail TEXT, v); INSERT INTO t VALUES ('dee@bytetech.io', 1), ('Lan@ByteTech.io', 2)"
    plain = serve(script, identifiers={"email": "mail"}, record={"v": "v"})
    assert plain(email=" DEE@BYTETECH.IO ") == {"v": 1}
    with pytest.raises(NotFound):
        plain(email="lan@bytetech.io")
    folded = serve(
        f"DROP TABLE t; {script}", identifiers={"email": Column("mail", case_insensitive=True)}, record={"v": "v"}
    )
    assert [folded(email=mail) for mail in ("Dee@bytetech.io", "lan@bytetech.io")] == [{"v": 1}, {"v": 2}]


def test_a_custom_identifier_is_compared_as_it_is_given(serve):
    """A custom identifier minds case unless its column says otherwise."""
    script = "CREATE TABLE t (code TEXT, v); INSERT INTO t VALUES ('Mã1', 1)"
    plain = serve(script, identifiers={"memberCode": "code"}, record={"v": "v"})
    assert plain(memberCode=" Mã1 ") == {"v": 1}
    with pytest.raises(NotFound):
        plain(memberCode="mã1")
    folded = serve(
        f"DROP TABLE t; {script}", identifiers={"memberCode": Column("code", case_insensitive=True)}, record={"v": "v"}
    )
    assert folded(memberCode="mã1") == {"v": 1}


@pytest.mark.parametrize("sent", ["' OR 1=1 --", '" OR ""="', "%", "_", "*", "M0'; DROP TABLE t; --", "\\", "?", ":x"])
def test_an_identifier_is_never_sql(serve, sent):
    """Whatever an identifier holds, it is compared and not run."""
    ask = serve(
        "CREATE TABLE t (code TEXT, v); INSERT INTO t VALUES ('M0', 1)",
        identifiers={"memberCode": "code"},
        record={"v": "v"},
    )
    with pytest.raises(NotFound):
        ask(memberCode=sent)
    assert ask(memberCode="M0") == {"v": 1}


def test_several_rows_without_newest_by_are_ambiguous(serve):
    """Where several rows match and the dataset does not say which one counts, the answer is Ambiguous."""
    ask = serve(
        "CREATE TABLE t (mobile, mail, v);"
        "INSERT INTO t VALUES ('0359677657', 'a@b.vn', 1), ('0359677657', 'c@d.vn', 2), ('0359677658', 'c@d.vn', 3)",
        identifiers={"phone": "mobile", "email": "mail"},
        record={"v": "v"},
    )
    with pytest.raises(Ambiguous):
        ask(phone="0359677657")
    with pytest.raises(Ambiguous):
        ask(phone="0359677657", email="a@b.vn")
    with pytest.raises(Ambiguous):
        ask(phone="0359677659", email="c@d.vn")
    assert ask(email="a@b.vn") == {"v": 1}
    assert ask(phone="0359677658", email="c@d.vn") == {"v": 3}


def test_one_row_matched_twice_is_one(serve):
    """A person whose phone and email are in the same row is not ambiguous."""
    ask = serve(
        "CREATE TABLE t (mobile, mail, v); INSERT INTO t VALUES ('0359677657', 'a@b.vn', 1)",
        identifiers={"phone": "mobile", "email": "mail"},
        record={"v": "v"},
    )
    assert ask(phone="0359677657", email="a@b.vn") == {"v": 1}


@pytest.mark.parametrize("newest_by", [None, "made_on"])
def test_the_first_identifier_that_matches_counts(serve, newest_by):
    """Of several identifiers the first that matches, in the dataset's order, decides; others' newer rows do not."""
    ask = serve(
        "CREATE TABLE t (code, mobile, mail, made_on DATE, v);"
        "INSERT INTO t VALUES ('M1', '0359677651', 'one@b.vn', '2020-01-01', 1),"
        "('M2', '0359677652', 'two@b.vn', '2021-01-01', 2), ('M3', '0359677653', 'three@b.vn', '2022-01-01', 3)",
        identifiers={"memberCode": "code", "phone": "mobile", "email": "mail"},
        record={"v": "v"},
        newest_by=newest_by,
    )
    assert ask(email="three@b.vn", phone="0359677652", memberCode="M1") == {"v": 1}
    assert ask(email="three@b.vn", phone="0359677652") == {"v": 2}
    assert ask(email="three@b.vn", phone="0359677652", memberCode="M9") == {"v": 2}
    assert ask(email="three@b.vn", phone="0359677659", memberCode="M9") == {"v": 3}
    assert ask(email="three@b.vn", phone="0359677652", memberCode=" ") == {"v": 2}
    with pytest.raises(NotFound):
        ask(email="four@b.vn", phone="0359677659", memberCode="M9")


def test_the_newest_row_counts(serve):
    """With newest_by, the latest of the matching rows counts, and rows without a date come after all others."""
    ask = serve(
        "CREATE TABLE t (mobile, made_on DATETIME, v);"
        "INSERT INTO t VALUES ('0359677651', NULL, 0), ('0359677651', '2020-01-01 00:00:00', 1),"
        "('0359677651', '2022-01-01 00:00:00', 2), ('0359677651', '2021-01-01 00:00:00', 3),"
        "('0359677652', NULL, 4)",
        identifiers={"phone": "mobile"},
        record={"v": "v", "madeOn": "made_on"},
        newest_by="made_on",
    )
    assert ask(phone="0359677651") == {"v": 2, "madeOn": "2022-01-01T00:00:00"}
    assert ask(phone="0359677652") == {"v": 4}


def test_a_view_is_served_like_a_table(serve):
    """A view, with columns that are expressions, is served like a table."""
    ask = serve(
        "CREATE TABLE base (mobile TEXT, first TEXT, last TEXT, spent NUMERIC(12, 2));"
        "INSERT INTO base VALUES ('0359677657', 'Dee', 'Nguyễn', 10.5);"
        "CREATE VIEW t AS"
        " SELECT mobile, last || ' ' || first AS full_name, spent * 2 AS twice, count(*) AS n FROM base",
        identifiers={"phone": "mobile"},
        record={"fullName": "full_name", "twice": "twice", "n": "n"},
    )
    assert ask(phone="0359677657") == {"fullName": "Nguyễn Dee", "twice": 21.0, "n": 1}


def test_names_of_all_sorts_are_quoted(serve):
    """Tables, columns, fields and identifiers may have names that are keywords or symbols in SQL."""
    ask = serve(
        'CREATE TABLE "Đơn hàng" ("order" TEXT, "giá trị" INTEGER, "a%b:c" TEXT, "sel""ect" TEXT);'
        "INSERT INTO \"Đơn hàng\" VALUES ('x', 5, '%', 'q')",
        table="Đơn hàng",
        identifiers={"mã-đơn hàng": "order", "100%": "a%b:c"},
        record={"giá": "giá trị", "per cent": "a%b:c", "quote": 'sel"ect'},
    )
    expected = {"giá": 5, "per cent": "%", "quote": "q"}
    assert ask(**{"mã-đơn hàng": "x"}) == expected
    assert ask(**{"mã-đơn hàng": "y", "100%": "%"}) == expected


def test_one_column_may_be_several_fields_and_identifiers(serve):
    """A column may stand in several fields, and two identifiers may share a column."""
    ask = serve(
        "CREATE TABLE t (code, v); INSERT INTO t VALUES ('M1', 1)",
        identifiers={"memberCode": "code", "memberCode_0": "code"},
        record={"v": "v", "w": "v", "code": "code"},
    )
    assert ask(memberCode="M1", memberCode_0="M2") == {"v": 1, "w": 1, "code": "M1"}
    assert ask(memberCode="M2", memberCode_0="M1") == {"v": 1, "w": 1, "code": "M1"}


COLUMN_TYPES = {
    "DATE": ("2026-02-28", "2026-02-28"),
    "DATETIME": ("2026-02-28 12:30:00.5", "2026-02-28T12:30:00.500000"),
    "TIMESTAMP": ("2026-02-28 12:30:00", "2026-02-28T12:30:00"),
    "TIME": ("12:30:00", "12:30:00"),
    "BOOLEAN": (0, False),
    "INTEGER": (2**63 - 1, 2**63 - 1),
    "NUMERIC": (1.25, 1.25),
    "NUMERIC(12, 2)": (12500000.5, 12500000.5),
    "DECIMAL(20, 2)": (5, "5.00"),
    "FLOAT": (1.5, 1.5),
    "REAL": (5, 5.0),
    "TEXT": ("Nguye\u0302\u0303n", "Nguyễn"),
    "VARCHAR(10)": ("a\x00b", "a\x00b"),
    "JSON": ('{"a": [1, null]}', '{"a":[1,null]}'),
    "BLOB": (b"\x00\xff", "AP8="),
    "UUID": ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    "": ("any", "any"),
}


@pytest.mark.parametrize("kind", COLUMN_TYPES)
def test_a_columns_type_decides_how_its_values_look(serve, kind):
    """A value goes out as its column's type says: dates as ISO 8601, wide decimals as text, blobs as base64."""
    held, shown = COLUMN_TYPES[kind]
    ask = serve(
        f"CREATE TABLE t (code TEXT, v {kind})",
        ("INSERT INTO t VALUES ('M1', ?)", (held,)),
        identifiers={"memberCode": "code"},
        record={"v": "v"},
    )
    value = ask(memberCode="M1")["v"]
    assert (value, type(value)) == (shown, type(shown))


ODD = [
    "", "junk", "a\x00b", b"", b"\xff\x00\xfe", 0, 5, -1, 10**12, 2**63 - 1, -(2**63), 1.5, -0.0, 1e308, 1e-320,
    float("inf"), float("-inf"), "[" * 50_000, '{"a":' * 3000, "NaN", "Infinity", "1e999", "2026-13-45", "25:99:99",
    "0000-00-00", "2026-02-30 24:00:00", "2026-01-01T00:00:00+07:00", "false", "t", "\ud7ff\ue000", "12,5", " 1 ",
]  # fmt: skip


@pytest.mark.parametrize("kind", COLUMN_TYPES)
def test_a_value_that_is_not_of_its_columns_type_is_shown_as_it_stands(serve, kind):
    """SQLite keeps any value in any column, undecodable text included; none of them is an error."""
    inserts = [("INSERT INTO t VALUES (?, ?)", (f"M{number}", value)) for number, value in enumerate(ODD)]
    undecodable = ("INSERT INTO t VALUES ('bad', CAST(? AS TEXT))", (b"a\xff\xfeb",))
    ask = serve(
        f"CREATE TABLE t (code TEXT, v {kind})",
        *inserts,
        undecodable,
        identifiers={"memberCode": "code"},
        record={"v": "v", "code": "code"},
    )
    for number in range(len(ODD)):
        found = ask(memberCode=f"M{number}")
        assert found["code"] == f"M{number}"
        assert isinstance(found.get("v", ""), (str, bool, int, float))
        assert orjson.loads(orjson.dumps(found)) == found
    assert ask(memberCode="bad") == {"v": "a\ufffd\ufffdb", "code": "bad"}


@pytest.mark.parametrize(("held", "shown"), [(0, False), (1, True), ("false", "false"), ("f", "f"), ("true", "true")])
def test_text_in_a_column_of_booleans_is_not_made_true(serve, held, shown):
    """0 and 1 are booleans; any other value in a column of booleans is shown as it stands, 'false' above all."""
    ask = serve(
        "CREATE TABLE t (code TEXT, v BOOLEAN)",
        ("INSERT INTO t VALUES ('M1', ?)", (held,)),
        identifiers={"memberCode": "code"},
        record={"v": "v"},
    )
    assert ask(memberCode="M1")["v"] is shown or ask(memberCode="M1")["v"] == shown
    assert type(ask(memberCode="M1")["v"]) is type(shown)


@pytest.mark.parametrize("column", ["mobile", "mail", "made_on"])
@pytest.mark.parametrize("odd", ["junk", b"\xff", 5, 1.5, float("inf"), "a\x00b"])
def test_odd_values_in_the_columns_compared_are_no_error(serve, column, odd):
    """Odd values in the columns that are compared or ordered by match nothing and break nothing."""
    row = {"mobile": "0359677657", "mail": "dee@bytetech.io", "made_on": "2020-01-01"}
    ask = serve(
        "CREATE TABLE t (mobile TEXT, mail TEXT, made_on DATE, v)",
        ("INSERT INTO t VALUES (?, ?, ?, 1)", tuple({**row, column: odd}.values())),
        identifiers={"phone": "mobile", "email": "mail"},
        record={"v": "v"},
        newest_by="made_on",
    )
    assert ask(phone="0359677657", email="dee@bytetech.io") == {"v": 1}


@pytest.fixture
def shop(make_source: Callable[..., dict[str, str]]) -> Iterator[Source]:
    """Open a source with one table of one row."""
    source = Source(
        "shop", make_source("CREATE TABLE t (code TEXT, v); INSERT INTO t VALUES ('M1', 1)")["shop"], timeout=2
    )
    yield source
    source.engine.dispose()


def run(source: Source, sql: str) -> Sequence[Sequence[Any]]:
    """Run SQL through a source as a lookup does; give its rows."""
    statement = Statement(select(literal_column("1")), source.engine.dialect)
    statement.sql = sql
    return source.fetch(statement, {}, 1)[1]


@pytest.mark.parametrize("statement", ["DELETE FROM t", "DROP TABLE t", "CREATE TABLE u (a)", "UPDATE t SET v = 2"])
def test_a_source_is_read_only(shop, statement):
    """The service cannot change a SQLite source, whatever statement a dataset sends."""
    with pytest.raises(SourceUnavailable):
        run(shop, statement)
    with pytest.raises(SQLAlchemyError), shop.engine.connect() as connection:
        connection.exec_driver_sql(statement)
    assert run(shop, "SELECT code, v FROM t") == [("M1", 1)]


def test_a_source_that_stops_answering_is_unavailable_and_recovers(serve, tmp_path):
    """A database error during a lookup is SourceUnavailable, without its text; the next lookup tries again."""
    ask = serve(
        "CREATE TABLE t (code TEXT, v); INSERT INTO t VALUES ('M1', 1)",
        identifiers={"memberCode": "code"},
        record={"v": "v"},
    )
    assert ask(memberCode="M1") == {"v": 1}
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript("ALTER TABLE t RENAME TO away")
        with pytest.raises(SourceUnavailable) as caught:
            ask(memberCode="M1")
        assert caught.value.message == SourceUnavailable.default
        connection.executescript("ALTER TABLE away RENAME TO t")
    assert ask(memberCode="M1") == {"v": 1}


@pytest.mark.parametrize(
    "name",
    [
        "my shop.db",
        "tệp.db",
        "a+b&c=d.db",
        "50%.db",
        "a%20b.db",
        "shop#1.db",
        "what?.db",
    ],
)
def test_a_sources_path_may_hold_any_character(tmp_path, name):
    """A SQLite file is found under the path it has, whatever characters the path holds."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    with closing(sqlite3.connect(folder / name)) as connection:
        connection.executescript("CREATE TABLE t (v); INSERT INTO t VALUES (1)")
    source = Source("shop", URL.create("sqlite", database=str(folder / name)).render_as_string(), timeout=2)
    try:
        assert run(source, "SELECT v FROM t") == [(1,)]
    finally:
        source.engine.dispose()


def test_lookups_side_by_side_do_not_mix(serve):
    """Threads that share a dataset each get their own answer."""
    rows = ", ".join(f"('M{number}', {number})" for number in range(100))
    ask = serve(
        f"CREATE TABLE t (code TEXT, v); INSERT INTO t VALUES {rows}",
        identifiers={"memberCode": "code"},
        record={"v": "v"},
    )
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: ask(memberCode=f"M{number % 100}"), range(800)))
    assert answers == [{"v": number % 100} for number in range(800)]


def test_a_dataset_is_prepared_before_it_is_used():
    """A dataset that was not prepared says so instead of answering."""
    dataset = TableDataset(name="t", source="shop", table="t", identifiers={"phone": "mobile"}, record={"v": "v"})
    with pytest.raises(RuntimeError, match=Path(__file__).name):
        lookup(dataset, {"phone": "0359677657"})
