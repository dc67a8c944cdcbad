"""The vocabulary of a table's declaration means the same on every database."""

import datetime as dt

import pytest
from sqlalchemy import Integer, String, column, func, select, table

from provider.dataset import Column, Constant, Field
from provider.errors import Ambiguous, ConfigurationError, NotFound

PHONE = "0359677657"
STORED = {"national": PHONE, "e164": "+84359677657", "international": "84359677657"}
PEOPLE = (
    "CREATE TABLE t (mobile VARCHAR(20), mail VARCHAR(80), code VARCHAR(20), v INTEGER, made DATE)",
    """INSERT INTO t (mobile, mail, code, v) VALUES
    ('0359677651', 'an@example.com', 'A', 1), ('0359677652', 'binh@example.com', 'B', 2)""",
)
BOTH = {"phone": "mobile", "email": "mail"}


@pytest.mark.parametrize("form", STORED)
@pytest.mark.parametrize("kind", ["VARCHAR(20)", "CHAR(16)"])
def test_a_phone_is_found_in_the_form_it_is_stored(database, form, kind):
    """A phone written in any form finds the row in the declared form, and no other form does."""
    ask = database.serve(
        f"CREATE TABLE t (mobile {kind}, v INTEGER)",
        f"INSERT INTO t VALUES ('{STORED[form]}', 1), ('0359677658', 2)",
        identifiers={"phone": Column("mobile", stored_as=(form,))},
    )
    for written in ("0359677657", "+84 359 677 657", "84359677657"):
        assert ask(phone=written) == {"v": 1}
    others = tuple(name for name in STORED if name != form)
    ask = database.serve(identifiers={"phone": Column("mobile", stored_as=others)})
    with pytest.raises(NotFound):
        ask(phone=PHONE)


def test_a_column_may_hold_all_forms(database):
    """With every form declared, each row is found in its own."""
    ask = database.serve(
        "CREATE TABLE t (mobile VARCHAR(20), v INTEGER)",
        "INSERT INTO t VALUES ('0359677651', 1), ('+84359677652', 2), ('84359677653', 3)",
        identifiers={"phone": Column("mobile", stored_as=tuple(STORED))},
    )
    assert [ask(phone=f"035967765{number}") for number in (1, 2, 3)] == [{"v": 1}, {"v": 2}, {"v": 3}]


def test_a_column_shorter_than_a_form_matches_no_other_person(database):
    """A form that is longer than the column is compared whole: nobody is found by its beginning."""
    ask = database.serve(
        "CREATE TABLE t (mobile VARCHAR(10), v INTEGER)",
        "INSERT INTO t VALUES ('+843596776', 1)",
        identifiers={"phone": Column("mobile", stored_as=("e164",))},
    )
    with pytest.raises(NotFound):
        ask(phone=PHONE)


def test_an_expression_stands_in_for_the_column(database):
    """Phones stored with blanks and dashes are found through a declared expression, percent signs and all."""
    ask = database.serve(
        "CREATE TABLE t (mobile VARCHAR(20), v INTEGER)",
        "INSERT INTO t VALUES ('0359-677 657', 1), ('%0359677658', 2)",
        identifiers={
            "phone": Column("mobile", expression="replace(replace(replace(mobile, ' ', ''), '-', ''), '%', '')")
        },
    )
    assert (ask(phone=PHONE), ask(phone="0359677658")) == ({"v": 1}, {"v": 2})


def test_an_expression_the_database_does_not_know_stops_the_start(database):
    """A mistake in an expression shows when the dataset is prepared, with the file and the database's own words."""
    database.run(*PEOPLE)
    with pytest.raises(ConfigurationError, match=r"test_vocabulary|conftest") as caught:
        database.prepared(identifiers={"phone": Column("mobile", expression="no_such_function(mobile)")})
    assert "no_such_function" in str(caught.value).lower()


def test_case_insensitive_compares_in_lower_case(database):
    """case_insensitive finds an email or a code however the table writes it."""
    ask = database.serve(
        "CREATE TABLE t (mail VARCHAR(80), code VARCHAR(20), v INTEGER)",
        "INSERT INTO t VALUES ('Dee@ByteTech.io', 'Abc-9', 1)",
        identifiers={
            "email": Column("mail", case_insensitive=True),
            "memberCode": Column("code", case_insensitive=True),
        },
    )
    for sent in ({"email": "DEE@bytetech.io"}, {"memberCode": "aBC-9"}):
        assert ask(**sent) == {"v": 1}


def test_the_first_identifier_that_matches_counts(database):
    """match='first' asks by phone, then by email, and a phone nobody has leaves it to the email."""
    ask = database.serve(*PEOPLE, identifiers=BOTH)
    assert ask(phone="0359677651", email="binh@example.com") == {"v": 1}
    assert ask(phone="0359677659", email="binh@example.com") == {"v": 2}


def test_any_takes_whoever_has_one_of_the_identifiers(database):
    """match='any' finds rows by any identifier, so that two people are ambiguous."""
    ask = database.serve(*PEOPLE, identifiers=BOTH, match="any")
    assert ask(phone="0359677659", email="binh@example.com") == {"v": 2}
    assert ask(phone="0359677652", email="binh@example.com") == {"v": 2}
    with pytest.raises(Ambiguous):
        ask(phone="0359677651", email="binh@example.com")


def test_all_takes_only_who_has_every_identifier_sent(database):
    """match='all' finds a row by all identifiers that are sent; one that no row can hold makes it nobody."""
    identifiers = {**BOTH, "number": "v"}
    ask = database.serve(*PEOPLE, identifiers=identifiers, match="all")
    assert ask(phone="0359677652", email="binh@example.com") == {"v": 2}
    assert ask(phone="0359677652", number="2") == {"v": 2}
    for sent in (
        {"phone": "0359677651", "email": "binh@example.com"},
        {"phone": "0359677652", "number": "two"},
        {"phone": "+4915112345678", "email": "binh@example.com"},
    ):
        with pytest.raises(NotFound):
            ask(**sent)


@pytest.mark.parametrize("match", ["first", "any"])
def test_an_identifier_that_no_row_can_hold_leaves_it_to_the_others(database, match):
    """A foreign number in a table of national ones, or text for a number, keeps nobody from being found by email."""
    ask = database.serve(*PEOPLE, identifiers={**BOTH, "number": "v"}, match=match)
    for sent in ({"phone": "+4915112345678"}, {"number": "two"}):
        assert ask(**sent, email="binh@example.com") == {"v": 2}
        with pytest.raises(NotFound):
            ask(**sent)


def test_all_takes_one_identifier_that_is_sent_alone(database):
    """match='all' asks for the identifiers that are sent, not for those that are declared."""
    ask = database.serve(*PEOPLE, identifiers={**BOTH, "number": "v"}, match="all")
    for sent in ({"phone": "0359677652"}, {"email": "binh@example.com"}, {"number": "2"}):
        assert ask(**sent) == {"v": 2}
    with pytest.raises(NotFound):
        ask(number="two")


@pytest.mark.parametrize("match", ["first", "any", "all"])
def test_a_row_that_several_identifiers_find_is_one(database, match):
    """The same row by phone and by email is neither ambiguous nor twice in a list."""
    both = {"phone": "0359677651", "email": "an@example.com"}
    assert database.serve(*PEOPLE, identifiers=BOTH, match=match)(**both) == {"v": 1}
    listed = database.serve(identifiers=BOTH, match=match, shape="list")(**both)
    assert listed == {"total": 1, "items": [{"v": 1}]}


@pytest.mark.parametrize(("sent", "first"), [({"phone": "0359677651", "email": "binh@example.com"}, 1)])
@pytest.mark.parametrize("several", ["error", "first"])
def test_two_people_are_not_ambiguous_where_the_first_counts(database, several, sent, first):
    """With match='first', rows of a later identifier make nothing ambiguous; two rows of the first do."""
    ask = database.serve(*PEOPLE, identifiers=BOTH, several=several)
    assert ask(**sent) == {"v": first}
    database.run("INSERT INTO t (mobile, mail, code, v) VALUES ('0359677651', 'other@example.com', 'C', 3)")
    if several == "first":
        assert ask(**sent) == {"v": first}
    else:
        with pytest.raises(Ambiguous):
            ask(**sent)


def test_leading_zeros_are_part_of_a_code(database):
    """Codes of digits are text where the column is text: 007 is not 7. In a column of numbers they are the same."""
    database.run(
        "CREATE TABLE t (code VARCHAR(9), number INTEGER, v INTEGER)",
        "INSERT INTO t VALUES ('007', 5, 1), ('7', 7, 2)",
    )
    ask = database.serve(identifiers={"code": "code", "number": "number"})
    assert [ask(code="007"), ask(code="7"), ask(number="007")] == [{"v": 1}, {"v": 2}, {"v": 2}]
    with pytest.raises(NotFound):
        ask(code="07")


SEVERAL = (
    "CREATE TABLE t (mobile VARCHAR(20), v INTEGER, made DATE)",
    f"""INSERT INTO t VALUES ('{PHONE}', 1, '2026-01-01'), ('{PHONE}', 2, NULL), ('{PHONE}', 3, '2026-03-01'),
    ('{PHONE}', 4, '2026-02-01')""",
)


def test_the_newest_row_counts(database):
    """newest_by takes the row with the latest date; rows without a date come last."""
    assert database.serve(*SEVERAL, newest_by="made")(phone=PHONE) == {"v": 3}
    database.run("DELETE FROM t WHERE made IS NOT NULL")
    assert database.serve(newest_by="made")(phone=PHONE) == {"v": 2}


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
@pytest.mark.parametrize("several", [{"newest_by": "made"}, {"several": "first"}])
def test_the_same_question_gets_the_same_answer(database, several, key):
    """Rows that tie are told apart by their key, or without one by what is shown, however they lie in the table."""
    answers = []
    for order in ((3, 1, 2), (2, 3, 1)):
        database.run(
            "DROP TABLE IF EXISTS t",
            f"CREATE TABLE t (id INTEGER NOT NULL {key}, mobile VARCHAR(20), v VARCHAR(9), made DATE)",
            *(f"INSERT INTO t VALUES ({number}, '{PHONE}', 'row {number}', '2026-01-01')" for number in order),
        )
        answers.append(database.serve(**several)(phone=PHONE))
    assert answers == [{"v": "row 1"}] * 2


def test_several_rows_are_an_error_unless_declared_otherwise(database):
    """Without newest_by several rows are Ambiguous; several='first' takes one."""
    ask = database.serve(*SEVERAL)
    with pytest.raises(Ambiguous):
        ask(phone=PHONE)
    assert database.serve(several="first")(phone=PHONE) == {"v": 1}


def test_only_rows_that_meet_the_conditions_count(database):
    """Where takes a value, a list of values, None, a boolean and a date, each in the database's own type."""
    database.run(
        "CREATE TABLE t (mobile VARCHAR(20), v INTEGER, state VARCHAR(9), gone DATE, live BOOLEAN)",
        f"INSERT INTO t VALUES ('{PHONE}', 1, 'old', NULL, true), ('{PHONE}', 2, 'new', '2026-01-01', true), "
        f"('{PHONE}', 3, 'new', NULL, false), ('{PHONE}', 4, 'vip', NULL, true)",
    )
    for where, expected in (
        ({"state": "old"}, 1),
        ({"state": ["new", "none"], "gone": None}, 3),
        ({"gone": dt.date(2026, 1, 1)}, 2),
        ({"live": False}, 3),
        ({"state": ("new", "vip"), "gone": None, "live": True}, 4),
    ):
        assert database.serve(where=where)(phone=PHONE) == {"v": expected}
    for where in ({"state": "none"}, {"state": []}):
        with pytest.raises(NotFound):
            database.serve(where=where)(phone=PHONE)


def test_conditions_hold_on_every_way_to_a_row(database):
    """A condition is part of each branch: the email cannot reach a row the phone may not."""
    ask = database.serve(*PEOPLE, identifiers=BOTH, where={"code": "A"})
    with pytest.raises(NotFound):
        ask(phone="0359677652", email="binh@example.com")
    assert ask(phone="0359677652", email="an@example.com") == {"v": 1}


def test_a_field_converts_maps_and_masks(database):
    """A Field converts, then maps, then masks; null and what cannot be converted are left out; a Constant never is."""
    ask = database.serve(
        "CREATE TABLE t (mobile VARCHAR(20), born VARCHAR(20), spent VARCHAR(20), state INTEGER, seen BIGINT, "
        "note VARCHAR(20), empty VARCHAR(9))",
        f"INSERT INTO t VALUES ('{PHONE}', '1988-06-15', ' 12.50 ', 2, 1700000000000, 'n/a', NULL)",
        record={
            "birthday": Field("born", convert="date", mask="year"),
            "spent": Field("spent", convert="number"),
            "whole": Field("spent", convert="integer"),
            "state": Field("state", values={1: "Bạc", 2: "Vàng"}),
            "other": Field("state", values={1: "Bạc"}, otherwise="khác"),
            "seen": Field("seen", convert="epoch_ms"),
            "note": Field("note", convert="number"),
            "phone": Field("mobile", mask="last4"),
            "hash": Field("mobile", mask="hash"),
            "hidden": Field("mobile", mask="hide"),
            "loud": Field("note", convert=lambda value: value.upper()),
            "picked": Field("note", convert=lambda value: {"x": 1}[value]),
            "empty": "empty",
            "unmapped": Field("empty", values={"x": "y"}, otherwise="khác"),
            "untouched": Field("empty", convert=str),
            "brand": Constant("Bytetech"),
        },
    )
    answer = ask(phone=PHONE)
    assert len(answer.pop("hash")) == 32
    assert answer == {
        "birthday": 1988,
        "spent": 12.5,
        "state": "Vàng",
        "other": "khác",
        "seen": "2023-11-14T22:13:20+00:00",
        "phone": "******7657",
        "loud": "N/A",
        "brand": "Bytetech",
    }


def test_who_may_see_less_sees_less(database):
    """What a caller may see is masked and left out after the dataset's own masks."""
    ask = database.serve(*PEOPLE, record={"code": "code", "phone": "mobile", "v": "v"})
    assert ask(phone="0359677651", visible={"v": None, "phone": "last4"}) == {"v": 1, "phone": "******7651"}


def test_a_list_has_a_total_and_a_limit(database):
    """shape='list' answers how many rows there are and the newest of them, up to the limit."""
    ask = database.serve(*SEVERAL, shape="list", limit=3, newest_by="made")
    assert ask(phone=PHONE) == {"total": 4, "items": [{"v": 3}, {"v": 4}, {"v": 1}]}
    assert database.serve(shape="list")(phone=PHONE) == {
        "total": 4,
        "items": [{"v": 1}, {"v": 2}, {"v": 3}, {"v": 4}],
    }
    assert database.serve(shape="list", limit=1, newest_by="made")(phone=PHONE) == {"total": 4, "items": [{"v": 3}]}
    with pytest.raises(NotFound):
        ask(phone="0359677658")


def test_a_list_is_of_one_identifier(database):
    """With match='first' a list holds the rows of the first identifier that matches, and counts only those."""
    ask = database.serve(*PEOPLE, identifiers=BOTH, shape="list")
    assert ask(phone="0359677651", email="binh@example.com") == {"total": 1, "items": [{"v": 1}]}


def test_a_selection_may_join_tables(database):
    """select= takes any SQLAlchemy selectable: a join, a condition of its own, a sum."""
    database.run(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, mobile VARCHAR(20))",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER, amount INTEGER, state VARCHAR(9))",
        f"INSERT INTO people VALUES (1, '{PHONE}'), (2, '0359677658')",
        "INSERT INTO orders VALUES (1, 1, 100, 'paid'), (2, 1, 250, 'paid'), (3, 1, 999, 'void'), (4, 2, 5, 'paid')",
    )
    people = table("people", column("id", Integer), column("mobile", String(20)))
    orders = table("orders", column("person_id"), column("amount", Integer), column("state", String(9)))
    spent = (
        select(people.c.id, people.c.mobile, func.sum(orders.c.amount).label("spent"), func.count().label("orders"))
        .join_from(people, orders, orders.c.person_id == people.c.id)
        .where(orders.c.state == "paid")
        .group_by(people.c.id, people.c.mobile)
    )
    for identifiers, sent in (
        ({"phone": "mobile"}, {"phone": PHONE}),
        ({"phone": "mobile", "id": "id"}, {"phone": PHONE, "id": "2"}),
    ):
        ask = database.serve(select=spent, identifiers=identifiers, record={"spent": "spent", "orders": "orders"})
        assert ask(**sent) == {"spent": 350, "orders": 2}


def test_a_view_is_served_like_a_table(database):
    """A view has no key, and needs none."""
    ask = database.serve(*SEVERAL, "CREATE VIEW w AS SELECT * FROM t WHERE v < 3", table="w", newest_by="made")
    assert ask(phone=PHONE) == {"v": 1}


def test_names_of_all_sorts_are_quoted(database):
    """Mixed case, blanks, reserved words, percent signs, colons and other alphabets are names like any other."""
    names = ["Số điện thoại", "select", "Giá trị (%)", "a:b"]
    mobile, key, value, other = (database.quote(name) for name in names)
    tablename = database.quote("Khách Hàng")
    ask = database.serve(
        f"CREATE TABLE {tablename} ({mobile} VARCHAR(20), {key} INTEGER, {value} INTEGER, {other} INTEGER)",
        f"INSERT INTO {tablename} VALUES ('{PHONE}', 1, 2, 3)",
        table="Khách Hàng",
        identifiers={"phone": names[0], "Mã (số) %": "select"},
        record={"Giá trị %": names[2], "b": names[3], "từ khóa": "select"},
        newest_by=names[2],
    )
    assert ask(phone=PHONE) == ask(**{"Mã (số) %": "1"}) == {"Giá trị %": 2, "b": 3, "từ khóa": 1}


def test_a_table_may_be_in_another_schema(database):
    """schema= names where a table is: a schema, or another database of a MariaDB server."""
    if database.kind == "sqlite":
        schema = "main"
        where = "t"
    else:
        schema = "other" if database.kind == "postgresql" else f"{database.url.rpartition('/')[2].partition('?')[0]}_b"
        where = f"{schema}.t"
        database.run(f"DROP SCHEMA IF EXISTS {schema}", f"CREATE SCHEMA {schema}")
    try:
        ask = database.serve(
            f"CREATE TABLE {where} (mobile VARCHAR(20), v INTEGER)",
            f"INSERT INTO {where} VALUES ('{PHONE}', 1)",
            schema=schema,
        )
        assert ask(phone=PHONE) == {"v": 1}
        with pytest.raises(ConfigurationError, match="no table or view"):
            database.prepared(schema=schema, table="nothing")
    finally:
        database.close()
        if database.kind != "sqlite":
            database.run(f"DROP SCHEMA {schema}" + (" CASCADE" if database.kind == "postgresql" else ""))


@pytest.mark.parametrize(
    "key",
    ["", "PRIMARY KEY (mobile, made)", "PRIMARY KEY (made, v)", "UNIQUE (v)"],
    ids=["none", "both", "odd", "unique"],
)
def test_a_table_needs_no_key_of_a_certain_kind(database, key):
    """No key, one of several columns, or one that is no number: each table is served."""
    comma = "," if key else ""
    ask = database.serve(
        f"CREATE TABLE t (mobile VARCHAR(20) NOT NULL, made DATE NOT NULL, v INTEGER NOT NULL {comma} {key})",
        f"INSERT INTO t VALUES ('{PHONE}', '2026-01-01', 1), ('{PHONE}', '2026-01-02', 2)",
        newest_by="made",
    )
    assert ask(phone=PHONE) == {"v": 2}


@pytest.mark.parametrize("kind", ["INTEGER", "BIGINT", "SMALLINT", "NUMERIC(12,0)", "NUMERIC(14,2)", "FLOAT"])
def test_an_identifier_may_be_a_number(database, kind):
    """A column of numbers is compared with numbers; text and numbers too large match nobody and are no error."""
    ask = database.serve(
        f"CREATE TABLE t (number {kind}, v INTEGER)",
        "INSERT INTO t VALUES (12, 1), (0, 2)",
        identifiers={"number": "number"},
    )
    assert ask(number="12") == {"v": 1}
    for junk in ("12abc", "abc", "9" * 12, "9" * 19, "9" * 40, "1e400", "NaN", "Infinity", "1' OR '1'='1", "١٢", "-"):
        with pytest.raises(NotFound):
            ask(number=junk)


def test_a_phone_may_be_a_number(database):
    """Phones kept as numbers have lost their zero and their plus, and are found all the same."""
    ask = database.serve(
        "CREATE TABLE t (mobile BIGINT, v INTEGER)",
        "INSERT INTO t VALUES (359677651, 1), (84359677652, 2)",
        identifiers={"phone": Column("mobile", stored_as=tuple(STORED))},
    )
    assert (ask(phone="0359677651"), ask(phone="0359677652")) == ({"v": 1}, {"v": 2})


def test_an_identifier_may_be_a_uuid(database):
    """A column of UUIDs is found by its text in any case; what is no UUID matches nobody."""
    known = "c9bf9e57-1685-4c89-bafb-ff5af830be8a"
    kind = "CHAR(36)" if database.kind == "sqlite" else "UUID"
    ask = database.serve(
        f"CREATE TABLE t (id {kind}, v INTEGER)", f"INSERT INTO t VALUES ('{known}', 1)", identifiers={"id": "id"}
    )
    assert ask(id=known) == {"v": 1}
    if database.kind != "sqlite":
        assert ask(id=known.upper()) == {"v": 1}
    for junk in ("c9bf9e57", "not a uuid", "0" * 36, "'"):
        with pytest.raises(NotFound):
            ask(id=junk)


@pytest.mark.parametrize(("kind", "held"), [("DATE", "'1988-06-15'"), ("BOOLEAN", "NULL"), ("TIME", "NULL")])
def test_an_identifier_of_an_odd_type_is_compared_by_its_text(database, kind, held):
    """A column that is neither text nor a number is compared by its text: nothing a caller sends is an error."""
    ask = database.serve(
        f"CREATE TABLE t (odd {kind}, v INTEGER)",
        f"INSERT INTO t VALUES ({held}, 1)",
        identifiers={"odd": "odd"},
    )
    if held != "NULL":
        assert ask(odd=held.strip("'")) == {"v": 1}
    for junk in ("junk", "2026-99-99", "'", "25:61"):
        with pytest.raises(NotFound):
            ask(odd=junk)


def test_padding_is_not_part_of_a_value(database):
    """A CHAR column's blanks are neither compared nor shown."""
    ask = database.serve(
        "CREATE TABLE t (code CHAR(10), v CHAR(10))",
        "INSERT INTO t VALUES ('AB', 'x')",
        identifiers={"code": "code"},
        record={"code": "code", "v": "v"},
    )
    assert ask(code="AB") == {"code": "AB", "v": "x"}


LIKE_SQL = [
    "' OR '1'='1",
    "\\' OR 1=1 --",
    '"; DROP TABLE t; --',
    "%",
    "_",
    "%(i0_0)s",
    ":i0_0",
    "?",
    "\\",
    "\U0001f600",
    "\u200b",
]


def test_an_identifier_is_never_sql(database):
    """What a caller sends is a value, whatever it looks like: it finds nobody, and itself when it is there."""
    ask = database.serve(*PEOPLE, identifiers={"code": "code"})
    for sent in LIKE_SQL:
        with pytest.raises(NotFound):
            ask(code=sent)
    for number, sent in enumerate(LIKE_SQL):
        database.run("INSERT INTO t (code, v) VALUES (:sent, :number)", sent=sent, number=number)
    assert [ask(code=sent) for sent in LIKE_SQL] == [{"v": number} for number in range(len(LIKE_SQL))]


def test_a_column_that_is_not_there_stops_the_start(database):
    """A wrong column is named at the start, with those there are."""
    database.run(*PEOPLE)
    for declared in (
        {"identifiers": {"phone": "mobil"}},
        {"record": {"v": "mobil"}},
        {"where": {"mobil": 1}},
        {"newest_by": "mobil"},
    ):
        with pytest.raises(ConfigurationError, match=r"no column 'mobil'. It has: mobile, mail"):
            database.prepared(**declared)
