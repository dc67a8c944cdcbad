"""`provider dataset doctor`: what is wrong between a dataset and the real database is found, one by one."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from report import findings

TABLE = """
CREATE TABLE members (
    member_code VARCHAR(12) PRIMARY KEY, full_name VARCHAR(60), mobile VARCHAR(40), mail VARCHAR(80), tier VARCHAR(20),
    points VARCHAR(20), city VARCHAR(40), region INTEGER, joined_on TIMESTAMP NULL
)
"""
COLUMNS = ("member_code", "full_name", "mobile", "mail", "tier", "points", "city", "region", "joined_on")
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MEMBER = """
from provider.dataset import Column, Constant, Field, TableDataset

dataset = TableDataset(
    name="member",
    source="crm",
    table="members",
    identifiers={"phone": "mobile", "email": "mail", "memberCode": "member_code"},
    record={"name": "full_name", "tier": "tier", "points": Field("points", convert="integer"), "city": "city"},
    newest_by="joined_on",
)
"""
DUTY = '    newest_by="joined_on",\n'


def person(number):
    """Make one member in good health."""
    return {
        "member_code": f"M{number:04d}",
        "full_name": f"Nguyễn Văn {number}",
        "mobile": f"09{12_345_678 + number}",
        "mail": f"person{number:03d}@example.com",
        "tier": ("Bạc", "Vàng")[number % 2],
        "points": str(number * 10),
        "city": "Huế",
        "region": 1,
        "joined_on": f"{NOW - timedelta(days=number):%Y-%m-%d %H:%M:%S}",
    }


@pytest.fixture
def admit(desk_over):
    """Make a healthy table, ill in the ways asked for, with a dataset, altered in the ways asked for."""

    def admit(database, *, rows=None, indexes=("mobile", "mail"), dataset=(), sql=(), count=40):
        people = [person(number) | ((rows or (lambda _: {}))(number)) for number in range(count)]
        database.run(TABLE, *[f"CREATE INDEX ix_{it} ON members ({it})" for it in indexes])
        if people:
            database.fill("members", COLUMNS, *[[it[name] for name in COLUMNS] for it in people])
        database.run(*sql)
        text = MEMBER
        for before, after in dataset:
            assert before in text
            text = text.replace(before, after)
        desk = desk_over(database, member=text)
        report = desk.doctor("member")
        for secret in ("Nguyễn", "person0", "0912345", "M0000"):
            assert secret not in str(report)
        return SimpleNamespace(desk=desk, report=report, database=database, dialect=database.kind)

    return admit


@pytest.fixture
def clinic(database, admit):
    """Do so on each kind of database in turn."""
    return partial(admit, database)


def test_a_healthy_dataset_has_no_finding(clinic):
    """Nothing is found wrong with a dataset that is in order, and the dry run shows its record masked."""
    case = clinic()
    assert findings(case.report) == []
    assert case.report["dryRun"]["found"] is True
    assert case.report["dryRun"]["fields"]["name"]["value"].startswith("****** ***")
    assert set(case.report["dryRun"]["fields"]) == {"name", "tier", "points", "city"}
    assert case.report["dryRun"]["milliseconds"] > 0
    said = " ".join(it["message"] for it in case.report["findings"])
    for what in ("phone uses an index", "email uses an index", "memberCode uses an index", "together uses"):
        assert what in said


def every(step, change):
    """Change every so manyth member."""
    return lambda number: change(number) if number % step == 0 else {}


PHONE = "0912345678"
FAULTS = {
    "phones in a form that is not declared": (
        {"rows": every(4, lambda n: {"mobile": f"+849{12_345_678 + n}"})},
        "phones", r"^10 of 40 sampled phones .* e164 \(as in \+84359677657\), like \+\*+\d\d\.$",
        "stored_as=('national', 'e164')",
    ),
    "phones with dashes": (
        {"rows": every(8, lambda n: {"mobile": f"0912-345-{678 + n}"})},
        "phones", r"^5 of 40 .* national with blanks or dashes, like \*{4}-\*{3}-\*\d\d\.$",
        "expression=\"replace(mobile, '-', '')\"",
    ),
    "phones without their zero": (
        {"rows": every(4, lambda n: {"mobile": f"9{12_345_678 + n}"})},
        "phones", "^10 of 40 .* without the leading 0", "Put the 0 back",
    ),
    "phones as Excel leaves them": (
        {"rows": every(4, lambda n: {"mobile": f"9{12_345_678 + n}.0"})},
        "phones", "^10 of 40 .* as a number with decimals", "Correct them",
    ),
    "phones that are none": (
        {"rows": every(4, lambda n: {"mobile": f"khong{n}"})},
        "phones", r"^10 of 40 .* no valid phone \(VN\)", "Correct",
    ),
    "several phones in one": (
        {"rows": every(4, lambda n: {"mobile": f"{PHONE}/08{n + 12_345_678}"})},
        "phones", "^10 of 40 .* several phones in one value", "Correct",
    ),
    "phones of before 2018": (
        {"rows": every(4, lambda n: {"mobile": f"0163{n + 2_345_678}"})},
        "phones", "^10 of 40 .* with a prefix of before 2018", "Correct",
    ),
    "emails that are none": (
        {"rows": every(4, lambda n: {"mail": f"nobody{n}"})}, "emails", "^10 of 40 .* no valid email", "Correct them",
    ),
    "emails with blanks before them": (
        {"rows": every(4, lambda n: {"mail": f"  person{n}@example.com"})}, "emails", "^10 of 40 .* blanks", "Correct",
    ),
    "text encoded twice": (
        {"rows": every(4, lambda n: {"full_name": f"Nguyễn {n}".encode().decode("latin-1")})},
        "text", "^full_name holds text that was encoded twice in 10 of 40", "Convert it",
    ),
    "letters lost": (
        {"rows": every(4, lambda n: {"full_name": f"Nguy?n {n}"})},
        "text", "^full_name seems to have lost letters to question marks in 10 of 40", "got back",
    ),
    "a column that is always null": (
        {"rows": lambda _: {"city": None}}, "null", r"^city \(city\) is null in all 40 sampled rows", "Take it out",
    ),
    "values that cannot be converted": (
        {"rows": every(8, lambda _: {"points": "nhiều"})},
        "convert", r"^points \(points\) cannot be made integer in 5 of 40 sampled rows, like \*+", "convert=",
    ),
    "values that are not mapped": (
        {"dataset": [('"tier": "tier"', '"tier": Field("tier", values={"Bạc": "silver"})')]},
        "values", r"^tier \(tier\) has values that values= does not map in 20 of 40", "otherwise=",
    ),
    "a date that tells nothing": (
        {"rows": lambda _: {"joined_on": None}}, "newest", "^newest_by='joined_on' is null in all 40", "date column",
    ),
    "a date that does not sort": (
        {
            "rows": lambda n: {"city": f"{n % 28 + 1}/12/2025"},
            "dataset": [('newest_by="joined_on"', 'newest_by="city"')],
        },
        "newest", "^newest_by='city' is text that does not sort by date in 40 of 40", "date type",
    ),
    "people in several rows": (
        {
            "rows": lambda n: {"mobile": person(n % 30)["mobile"]},
            "dataset": [(DUTY, "")],
        },
        "duplicates", "^by phone, 10 of 30 sampled people are in several rows", "newest_by=",
    ),
    "one person in two forms": (
        {
            "rows": every(40, lambda _: {"mobile": f"+84{person(1)['mobile'][1:]}"}),
            "dataset": [(DUTY, ""), ('"phone": "mobile"', '"phone": Column("mobile", stored_as=("national", "e164"))')],
        },
        "duplicates", "^by phone, 1 of 39 sampled people are in several rows", "several='first'",
    ),
    "a condition nobody satisfies": (
        {"dataset": [(DUTY, '    where={"region": 7},\n' + DUTY)]}, "where", "^no row satisfies where=", "Correct",
    ),
}  # fmt: skip


TOGETHER = (
    "phones with dashes", "emails that are none", "text encoded twice", "values that cannot be converted",
    "a column that is always null",
)  # fmt: skip


@pytest.mark.parametrize(("ill", "check", "message", "advice"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_the_one_thing_found(sqlite, admit, the_finding, ill, check, message, advice):
    """Each fault is found, counted, shown masked, with what to do about it; and nothing else is."""
    case = admit(sqlite, **ill)
    if check == "where":
        case.report["findings"] = [it for it in case.report["findings"] if it["check"] != "dry-run"]
    found = the_finding(case.report)
    assert found["check"] == check
    assert re.search(message, found["message"]), found["message"]
    assert advice in found["advice"]


def test_faults_are_found_together(clinic):
    """One fault does not hide another, on any database."""
    ills = [FAULTS[name][0]["rows"] for name in TOGETHER]
    report = clinic(rows=lambda n: {key: value for ill in ills for key, value in ill(n + 40).items()}).report
    said = [it["message"] for it in findings(report)]
    assert len(said) == len(TOGETHER), said
    for name in TOGETHER:
        assert any(re.search(FAULTS[name][2], message) for message in said), (name, said)


def test_capitals_in_emails_are_found_where_they_matter(clinic):
    """Emails with capitals are found where the database minds them, and not where it does not."""
    case = clinic(rows=every(4, lambda n: {"mail": f"Person{n}@Example.com"}))
    found = findings(case.report)
    if case.dialect == "mariadb":
        assert found == []
    else:
        assert [it["check"] for it in found] == ["emails"]
        assert "they have capitals" in found[0]["message"]
        assert "case_insensitive=True" in found[0]["advice"]


def test_every_wrong_name_is_found_at_once(clinic):
    """Columns that are not there are all named, with what may be meant, and the rest is checked all the same."""
    case = clinic(
        dataset=[
            ('"phone": "mobile"', '"phone": "mobil"'),
            ('"tier": "tier"', '"tier": "Tier_"'),
            ('"city": "city"', '"city": "nowhere_at_all"'),
            ('newest_by="joined_on"', 'newest_by="joined", where={"regio": 1}'),
        ],
        rows=every(4, lambda n: {"mail": f"nobody{n}"}),
    )
    errors = findings(case.report, "error")
    assert [it["check"] for it in errors] == ["column"] * 5
    assert [re.search("'(.*?)'", it["message"])[1] for it in errors] == [
        "mobil", "Tier_", "nowhere_at_all", "joined", "regio",
    ]  # fmt: skip
    assert errors[0]["advice"] == "Did you mean 'mobile'?"
    assert "member_code, full_name" in errors[2]["advice"]
    assert [it["check"] for it in findings(case.report, "warning")] == ["emails"]
    assert case.report["dryRun"] is None


def test_a_table_that_is_not_there_is_found(clinic, the_finding):
    """A wrong table is an error that says which one may be meant."""
    found = the_finding(clinic(dataset=[('table="members"', 'table="Member"')]).report)
    assert (found["level"], found["check"]) == ("error", "table")
    assert found["advice"] == "Did you mean 'members'?"


def test_an_expression_the_database_refuses_is_found(clinic, the_finding):
    """SQL that the database does not understand is an error in the database's own words."""
    found = the_finding(
        clinic(dataset=[('"mobile"', 'Column("mobile", expression="no_such_function(mobile)")')]).report
    )
    assert (found["level"], found["check"]) == ("error", "statement")
    assert "identifier phone" in found["message"]
    assert "no_such_function" in found["message"]


def test_an_empty_table_is_told_of(clinic):
    """Without rows there is little to check, and it is said."""
    found = findings(clinic(count=0).report)
    assert [it["check"] for it in found] == ["rows", "dry-run"]


# Indexes


def advised(report, count=1):
    """Give the statements for the database's administrator, as many as there must be."""
    statements = [it["sql"] for it in findings(report) if it["check"] == "index"]
    assert len(statements) == count, findings(report)
    assert all(statements)
    return statements


@pytest.mark.parametrize("rows", [2, 40])
@pytest.mark.parametrize(("kept", "missing"), [("mail", "mobile"), ("mobile", "mail")])
def test_a_missing_index_is_found_and_the_advice_cures_it(clinic, rows, kept, missing):
    """A lookup without an index is told of, and what is to be given to the administrator puts an end to it."""
    case = clinic(indexes=[kept], count=rows)
    (statement,) = advised(case.report)
    assert re.fullmatch(rf"CREATE INDEX (CONCURRENTLY )?ix_members_{missing} ON members \({missing}\);", statement)
    case.database.run(statement)
    assert findings(case.desk.doctor("member")) == []


@pytest.mark.parametrize("rows", [1, 3])
def test_a_small_table_with_indexes_is_healthy(clinic, rows):
    """A database that reads a small table whole, whatever indexes it has, causes no false alarm."""
    assert findings(clinic(count=rows).report) == []


def test_an_index_on_something_else_serves_nobody(clinic):
    """An index that merely holds the column, behind others, or serves a fixed condition, does not count."""
    case = clinic(
        indexes=["mail", "region"],
        sql=["CREATE INDEX ix_second ON members (city, mobile)"],
        dataset=[(DUTY, '    where={"region": 1},\n' + DUTY)],
    )
    assert "(mobile)" in advised(case.report)[0]


def test_an_index_that_begins_with_the_column_serves(clinic):
    """A composite index serves when it begins with the identifier's column, a unique one as well."""
    sql = ["CREATE INDEX ix_both ON members (mobile, joined_on)", "CREATE UNIQUE INDEX ux_mail ON members (mail)"]
    assert findings(clinic(indexes=(), sql=sql).report) == []


@pytest.mark.parametrize("fixed", ['where={"region": 1}', 'where={"region": [1, 2]}', 'match="all"'])
def test_fixed_conditions_do_not_hide_an_index(clinic, fixed):
    """A lookup with fixed conditions, or by all identifiers, is served by the identifier's own index."""
    assert (
        findings(clinic(dataset=[(DUTY, f"    {fixed},\n{DUTY}")], indexes=("mobile", "mail", "region")).report) == []
    )


def test_looking_by_any_identifier_needs_them_all(clinic):
    """match='any' is served where each identifier has an index."""
    assert findings(clinic(dataset=[(DUTY, f'    match="any",\n{DUTY}')]).report) == []


def test_a_crowd_behind_one_phone_wants_a_composite_index(clinic):
    """Where one person has hundreds of rows, the index covers the fixed conditions too; elsewhere it does not."""
    case = clinic(
        indexes=["mail"],
        count=300,
        rows=lambda n: {"mobile": person(n % 2)["mobile"], "region": n % 3},
        dataset=[(DUTY, '    where={"region": 1},\n' + DUTY)],
    )
    (statement,) = advised(case.report)
    assert statement.endswith("(mobile, region);")
    case.database.run(statement)
    assert findings(case.desk.doctor("member")) == []


EXPRESSION = [('"phone": "mobile"', '"phone": Column("mobile", expression="replace(mobile, \' \', \'\')")')]
INSENSITIVE = [('"email": "mail"', '"email": Column("mail", case_insensitive=True)')]


@pytest.mark.parametrize(("declared", "column"), [(EXPRESSION, "mobile"), (INSENSITIVE, "mail")])
def test_an_expression_wants_an_index_of_its_own(clinic, declared, column):
    """A plain index does not serve an expression: the advice is one on the expression, and it cures."""
    case = clinic(dataset=declared)
    found = findings(case.report)
    assert [it["check"] for it in found] == ["index"]
    if case.dialect == "mariadb" and column == "mail":
        assert "take case_insensitive=True out" in found[0]["advice"]
        assert found[0]["sql"] == ""
        return
    case.database.run(found[0]["sql"])
    if case.dialect == "mariadb":
        assert "name the column 'mobile_lookup'" in found[0]["advice"]
        file = case.desk.folder / "member.py"
        file.write_text(file.read_text().replace(declared[0][1], '"phone": "mobile_lookup"'))
    assert findings(case.desk.doctor("member")) == []


def test_an_index_over_some_rows_does_not_count(desk_over, sqlite, postgresql):
    """A partial index does not serve every lookup."""
    for database in (sqlite, postgresql):
        database.run(
            TABLE, "CREATE INDEX ix_mail ON members (mail)", "CREATE INDEX p ON members (mobile) WHERE region = 2"
        )
        database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(9)])
        assert "(mobile)" in advised(desk_over(database, member=MEMBER).doctor("member"))[0]


VIEWS = {
    "renamed": "CREATE VIEW v AS SELECT mobile AS dt, mail AS thu, tier AS hang FROM members",
    "joined": "CREATE VIEW v AS SELECT m.mobile AS dt, m.mail AS thu, n.tier AS hang "
    "FROM members m LEFT JOIN members AS n ON n.member_code = m.member_code WHERE m.region = 1",
    "listed": "CREATE VIEW v (dt, thu, hang) AS SELECT mobile, mail, tier FROM members",
}
OVER_VIEW = """
from provider.dataset import TableDataset
dataset = TableDataset(
    name="v", source="crm", table="v", identifiers={"phone": "dt", "email": "thu"}, record={"tier": "hang"},
    several="first",
)
"""


def test_an_expression_over_a_view_wants_an_index_on_the_tables_column(sqlite, postgresql, desk_over):
    """The index is on the expression over the table's own column, not over the view's name for it."""
    expression = [('"phone": "dt"', '"phone": Column("dt", expression="replace(dt, \' \', \'\')")')]
    text = OVER_VIEW.replace(*expression[0]).replace("import TableDataset", "import Column, TableDataset")
    for database in (sqlite, postgresql):
        database.run(TABLE, "CREATE INDEX ix_mail ON members (mail)", VIEWS["renamed"])
        database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(9)])
        desk = desk_over(database, v=text)
        database.run(*advised(desk.doctor("v")))
        assert findings(desk.doctor("v")) == []


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_is_served_by_the_indexes_of_its_tables(database, desk_over, view):
    """The index is wanted on the table the view is over, and with it nothing is found."""
    database.run(TABLE, "CREATE INDEX ix_mail ON members (mail)", view)
    database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(40)])
    desk = desk_over(database, v=OVER_VIEW)
    (statement,) = advised(desk.doctor("v"))
    assert "ON members (mobile)" in statement
    database.run(statement)
    assert findings(desk.doctor("v")) == []


def test_a_view_that_computes_says_that_nobody_can_tell(database, desk_over):
    """Where a view groups its rows no index can be named, and that is said."""
    view = "CREATE VIEW v AS SELECT mobile AS dt, max(mail) AS thu, max(tier) AS hang FROM members GROUP BY mobile"
    database.run(TABLE, view)
    database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(40)])
    found = findings(desk_over(database, v=OVER_VIEW).doctor("v"))
    assert {it["check"] for it in found} == {"index"}
    assert all("cannot be told" in it["advice"] for it in found)
    assert not any(it["sql"] for it in found)


def test_a_selection_is_served_by_the_indexes_of_its_tables(database, desk_over):
    """A dataset over a join of its own is explained like any other."""
    database.run(TABLE, "CREATE TABLE orders (id INTEGER PRIMARY KEY, member VARCHAR(12), total INTEGER)")
    database.run("CREATE INDEX ix_orders ON orders (member)", "CREATE INDEX ix_mail ON members (mail)")
    database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(40)])
    database.fill("orders", ("id", "member", "total"), *[(n, f"M{n:04d}", n) for n in range(40)])
    desk = desk_over(
        database,
        orders="""
        from sqlalchemy import column, select, table
        from sqlalchemy import Column, Integer, MetaData, String, Table
        from provider.dataset import TableDataset

        metadata = MetaData()
        names = ("member_code", "mobile", "mail")
        members = Table("members", metadata, *[Column(name, String) for name in names])
        orders = Table("orders", metadata, Column("member", String), Column("total", Integer))
        dataset = TableDataset(
            name="orders",
            source="crm",
            select=select(members.c.mobile, members.c.mail, orders.c.total).join_from(
                members, orders, orders.c.member == members.c.member_code
            ),
            identifiers={"phone": "mobile", "email": "mail"},
            record={"total": "total"},
            several="first",
        )
        """,
    )
    (statement,) = advised(desk.doctor("orders"))
    assert "ON members (mobile)" in statement
    database.run(statement)
    assert findings(desk.doctor("orders")) == []


def test_odd_names_are_quoted_in_the_advice(database, desk_over):
    """Names with blanks, capitals, accents and quotes are written as the database wants them."""
    table, phone = 'Khách "hàng"', "Số điện thoại"
    database.run(
        f"CREATE TABLE {database.quote(table)} ({database.quote(phone)} VARCHAR(20), {database.quote('Hạng')} INTEGER)"
    )
    database.fill(table, [phone, "Hạng"], *[(f"09{n}", n) for n in range(12_345_678, 12_345_690)])
    desk = desk_over(
        database,
        kh=f"""
        from provider.dataset import TableDataset
        dataset = TableDataset(
            name="kh", source="crm", table={table!r}, identifiers={{"phone": {phone!r}}}, record={{"hang": "Hạng"}}
        )
        """,
    )
    (statement,) = advised(desk.doctor("kh"))
    database.run(statement)
    assert findings(desk.doctor("kh")) == []


# The dry run, and what is printed


def test_given_parameters_are_tried(clinic):
    """The dry run looks up whom it is told to, and says when nobody matches."""
    desk = clinic().desk
    report = desk.doctor("member", "--phone +84912345681 --email nobody@example.com")
    assert report["dryRun"]["asked"] == ["phone", "email"]
    assert report["dryRun"]["found"] is True
    report = desk.doctor("member", "--param memberCode=M9999")
    assert (report["dryRun"]["asked"], report["dryRun"]["found"]) == (["memberCode"], False)
    assert [it["check"] for it in findings(report)] == ["dry-run"]
    report = desk.doctor("member", "--phone 12")
    assert report["errors"] == 1


def test_a_person_reads_it(clinic):
    """For people it is a page: levels, sentences, the statement on a line of its own, the masked record, a total."""
    case = clinic(indexes=["mail"])
    result = case.desk.run("dataset doctor")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("member  ")
    assert "  warning  no index serves a lookup by phone: each one reads the whole table." in lines
    assert any(line.strip().startswith("CREATE INDEX") for line in lines)
    assert lines[-1] == "no errors, 1 warning."
    assert "Nguyễn" not in result.output


PLAIN = """
from marshmallow import Schema, fields
from provider.dataset import Dataset

class Record(Schema):
    gift = fields.String()
    {extra}

class Parameters(Schema):
    campaign = fields.String(required=True)

def fetch(query):
    {body}

dataset = Dataset(name="gift", record=Record, parameters=Parameters, fetch=fetch, example={example})
"""
EXAMPLE = '{"phone": "0912345678", "campaign": "x"}'
PLAIN_FAULTS = {
    "healthy": ("", "return {'gift': 'a voucher'}", EXAMPLE, [], None),
    "nested": ("lots = fields.List(fields.String())", "return {'gift': 'x'}", EXAMPLE, ["record"], "flat"),
    "undeclared": ("", "return {'gift': 'x', 'phone': 1}", EXAMPLE, ["record"], "phone, which the record does not"),
    "fails": ("", "return {'gift': 1 / 0}", EXAMPLE, ["dry-run"], "ZeroDivisionError at "),
    "no mapping": ("", "return ['x']", EXAMPLE, ["dry-run"], "TypeError"),
    "nobody": ("", "return None", EXAMPLE, ["dry-run"], "nobody matches"),
    "empty": ("", "return {}", EXAMPLE, ["dry-run"], "empty"),
    "no example": ("", "return {}", "None", ["dry-run"], "nobody to try"),
    "half an example": ("", "return {}", '{"phone": "0912345678"}', ["example", "dry-run"], "campaign"),
}


@pytest.mark.parametrize(("extra", "body", "example", "checks", "says"), PLAIN_FAULTS.values(), ids=PLAIN_FAULTS)
def test_a_dataset_in_plain_python_is_checked_as_far_as_it_goes(sqlite, desk_over, extra, body, example, checks, says):
    """The record, the parameters and a dry run of a dataset in plain Python are checked."""
    text = PLAIN.replace("{extra}", extra).replace("{body}", body).replace("{example}", example)
    report = desk_over(sqlite, gift=text).doctor("gift")
    found = findings(report)
    assert [it["check"] for it in found] == checks
    assert not says or says in found[0]["message"]


def test_the_samples_are_healthy(sqlite, desk_over, sample_data, monkeypatch):
    """The datasets that come with the service pass."""
    desk = desk_over(sqlite)
    monkeypatch.setenv("PROVIDER_DATASETS", "samples")
    monkeypatch.setenv("PROVIDER_SOURCE_DEMO_URL", sample_data)
    result = desk.run("dataset doctor")
    assert result.output.endswith("no errors, no warnings.\n"), result.output


def test_a_broken_file_does_not_hide_the_others(sqlite, desk_over):
    """A file that cannot be read is an error of its own; the other datasets are checked."""
    sqlite.run(
        "CREATE TABLE members (mobile TEXT PRIMARY KEY, tier TEXT)", "INSERT INTO members VALUES ('0912345678', 'x')"
    )
    good = """
    from provider.dataset import TableDataset
    dataset = TableDataset(
        name="good", source="crm", table="members", identifiers={"phone": "mobile"}, record={"t": "tier"}
    )
    """
    desk = desk_over(sqlite, bad="x = 1 / 0\n", good=good)
    result = desk.run("dataset doctor")
    assert result.exit_code == 1
    assert "bad.py:1" in result.output
    assert "a lookup by phone uses an index" in result.output
    assert desk.doctor("good")["errors"] == 0
    assert "There is no dataset 'nothing'" not in desk.run("dataset doctor good").output


def test_a_database_that_is_down_is_an_error(sqlite, desk_over, monkeypatch, the_finding):
    """A source that does not answer is one error, without its password."""
    desk = desk_over(sqlite, member=MEMBER)
    monkeypatch.setenv("PROVIDER_SOURCE_CRM_URL", "postgresql+psycopg://me:hunter2@127.0.0.1:1/x")
    report = desk.doctor("member")
    assert the_finding(report)["check"] == "source"
    assert "hunter2" not in str(report)


def test_a_view_that_never_answers_in_time_is_an_error(postgresql, desk_over, monkeypatch):
    """A view too slow to sample or to look into is found in bounded time, by the lookup that fails."""
    slow = "SELECT mobile AS dt, mail AS thu, tier AS hang, pg_sleep(9) FROM members OFFSET 0"
    view = f"CREATE VIEW v AS SELECT dt, thu, hang FROM ({slow}) slow"
    postgresql.run(TABLE, view)
    postgresql.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(2)])
    monkeypatch.setenv("PROVIDER_LOOKUP_TIMEOUT", "0.2")
    found = findings(desk_over(postgresql, v=OVER_VIEW).doctor("v"))
    assert [it["check"] for it in found if it["level"] == "error"] == ["dry-run"]
    assert "Timeout" in next(it["message"] for it in found if it["check"] == "dry-run")
    assert "sample" in [it["check"] for it in found]


def test_a_user_who_may_not_read_is_told(postgresql, desk_over, monkeypatch, the_finding):
    """A table the source's user may not read is one error in the database's words, and nothing is drafted of it."""
    role = f"reader_{postgresql.url.rpartition('/')[2]}"
    postgresql.run(TABLE, f"CREATE ROLE {role} LOGIN", f"GRANT USAGE ON SCHEMA public TO {role}")
    desk = desk_over(postgresql, member=MEMBER)
    try:
        monkeypatch.setenv("PROVIDER_SOURCE_CRM_URL", postgresql.url.replace("postgres@", f"{role}@"))
        found = the_finding(desk.doctor("member"))
        assert (found["level"], found["check"]) == ("error", "statement")
        assert "permission denied" in found["message"]
        refused = desk.run("dataset new other --source crm --table members")
        assert "permission denied" in refused.stderr
        assert "Nothing was written." in refused.stderr
        assert ".draft" not in refused.stderr
        assert not (desk.folder / "other.py").exists()
    finally:
        postgresql.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_phones_are_read_as_those_of_the_region(sqlite, desk_over, monkeypatch):
    """Where PHONE_REGION is another country, its national numbers are the ones that are found."""
    monkeypatch.setenv("PROVIDER_PHONE_REGION", "SG")
    sqlite.run("CREATE TABLE buyer (mobile TEXT PRIMARY KEY, points INTEGER)")
    sqlite.fill("buyer", ("mobile", "points"), *[(str(81_234_567 + n), n) for n in range(20)])
    desk = desk_over(sqlite)
    printed = desk.new("buyer --source crm --table buyer")
    assert "mobile: 20 national of 20 sampled" in printed
    report = desk.doctor("buyer")
    assert findings(report) == []
    assert report["dryRun"]["found"] is True


def test_text_that_is_not_utf8_is_found(sqlite, desk_over, the_finding):
    """Bytes that are no UTF-8, which SQLite accepts as text, are found."""
    sqlite.run(
        "CREATE TABLE members (mobile TEXT PRIMARY KEY, full_name TEXT)",
        "INSERT INTO members VALUES ('0912345678', CAST(x'4e677579e1' AS TEXT)), ('0912345679', 'Lê')",
    )
    desk = desk_over(
        sqlite,
        member="""
        from provider.dataset import TableDataset
        dataset = TableDataset(
            name="member", source="crm", table="members", identifiers={"phone": "mobile"}, record={"n": "full_name"}
        )
        """,
    )
    assert "full_name holds text that is not UTF-8 in 1 of 2" in the_finding(desk.doctor("member"))["message"]


def test_a_secret_in_the_record_is_found(sqlite, desk_over, the_finding):
    """A column that sounds like a password is not to be shown."""
    sqlite.run(
        "CREATE TABLE members (mobile TEXT PRIMARY KEY, mat_khau TEXT)",
        "INSERT INTO members VALUES ('0912345678', 'x')",
    )
    text = """
    from provider.dataset import TableDataset
    dataset = TableDataset(
        name="m", source="crm", table="members", identifiers={"phone": "mobile"}, record={"x": "mat_khau"}
    )
    """
    assert "looks like a secret" in the_finding(desk_over(sqlite, m=text).doctor("m"))["message"]
