"""`provider dataset doctor` finds each fault between a dataset and the real database."""

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
NEWEST = '    newest_by="joined_on",\n'


def person(number):
    """Make one member without a fault."""
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
def examine_in(project_over):
    """Make a members table and its dataset with the faults asked for, and run the doctor."""

    def examine_in(database, *, rows=None, indexes=("mobile", "mail"), dataset=(), sql=(), count=40):
        people = [person(number) | ((rows or (lambda _: {}))(number)) for number in range(count)]
        database.run(TABLE, *[f"CREATE INDEX ix_{it} ON members ({it})" for it in indexes])
        if people:
            database.fill("members", COLUMNS, *[[it[name] for name in COLUMNS] for it in people])
        database.run(*sql)
        text = MEMBER
        for before, after in dataset:
            assert before in text
            text = text.replace(before, after)
        project = project_over(database, member=text)
        report = project.doctor("member")
        for secret in ("Nguyễn", "person0", "0912345", "M0000"):
            assert secret not in str(report)
        return SimpleNamespace(project=project, report=report, database=database, dialect=database.kind)

    return examine_in


@pytest.fixture
def examine(database, examine_in):
    """Do so on each kind of database in turn."""
    return partial(examine_in, database)


def test_a_healthy_dataset_has_no_finding(examine):
    """A dataset without a fault has no finding, and the dry run shows its record masked."""
    case = examine()
    assert findings(case.report) == []
    assert case.report["dryRun"]["found"] is True
    assert case.report["dryRun"]["fields"]["name"]["value"].startswith("****** ***")
    assert set(case.report["dryRun"]["fields"]) == {"name", "tier", "points", "city"}
    assert case.report["dryRun"]["milliseconds"] > 0
    said = " ".join(it["message"] for it in case.report["findings"])
    for what in ("phone uses an index", "email uses an index", "memberCode uses an index", "together uses"):
        assert what in said


def every(step, change):
    """Change every member whose number is a multiple of a step."""
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
            "dataset": [(NEWEST, "")],
        },
        "duplicates", "^by phone, 10 of 30 sampled people are in several rows", "newest_by=",
    ),
    "one person in two forms": (
        {
            "rows": every(40, lambda _: {"mobile": f"+84{person(1)['mobile'][1:]}"}),
            "dataset": [(NEWEST, ""), ('"mobile"', 'Column("mobile", stored_as=("national", "e164"))')],
        },
        "duplicates", "^by phone, 1 of 39 sampled people are in several rows", "several='first'",
    ),
    "a condition nobody satisfies": (
        {"dataset": [(NEWEST, '    where={"region": 7},\n' + NEWEST)]}, "where", "^no row satisfies where=", "Correct",
    ),
}  # fmt: skip


TOGETHER = (
    "phones with dashes", "emails that are none", "text encoded twice", "values that cannot be converted",
    "a column that is always null",
)  # fmt: skip


@pytest.mark.parametrize(("fault", "check", "message", "advice"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_the_one_thing_found(sqlite, examine_in, the_finding, fault, check, message, advice):
    """Each fault is found alone: counted, with a masked example and with advice."""
    case = examine_in(sqlite, **fault)
    if check == "where":
        case.report["findings"] = [it for it in case.report["findings"] if it["check"] != "dry-run"]
    found = the_finding(case.report)
    assert found["check"] == check
    assert re.search(message, found["message"]), found["message"]
    assert advice in found["advice"]


def test_faults_are_found_together(examine):
    """One fault does not hide another, on any database."""
    faults = [FAULTS[name][0]["rows"] for name in TOGETHER]
    report = examine(rows=lambda n: {key: value for fault in faults for key, value in fault(n + 40).items()}).report
    said = [it["message"] for it in findings(report)]
    assert len(said) == len(TOGETHER), said
    for name in TOGETHER:
        assert any(re.search(FAULTS[name][2], message) for message in said), (name, said)


def test_capitals_in_emails_are_found_where_they_matter(examine):
    """Emails with capitals are found where the database compares case, and only there."""
    case = examine(rows=every(4, lambda n: {"mail": f"Person{n}@Example.com"}))
    found = findings(case.report)
    if case.dialect == "mariadb":
        assert found == []
    else:
        assert [it["check"] for it in found] == ["emails"]
        assert "they have capitals" in found[0]["message"]
        assert "case_insensitive=True" in found[0]["advice"]


def test_every_wrong_name_is_found_at_once(examine):
    """All missing columns are named, each with a suggestion, and the rest is checked all the same."""
    case = examine(
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


def test_a_table_that_is_not_there_is_found(examine, the_finding):
    """A missing table is an error that suggests another."""
    found = the_finding(examine(dataset=[('table="members"', 'table="Member"')]).report)
    assert (found["level"], found["check"]) == ("error", "table")
    assert found["advice"] == "Did you mean 'members'?"


def test_an_expression_the_database_refuses_is_found(examine, the_finding):
    """SQL that the database does not understand is an error in the database's own words."""
    found = the_finding(
        examine(dataset=[('"mobile"', 'Column("mobile", expression="no_such_function(mobile)")')]).report
    )
    assert (found["level"], found["check"]) == ("error", "statement")
    assert "identifier phone" in found["message"]
    assert "no_such_function" in found["message"]


def test_an_empty_table_is_reported(examine):
    """A table without rows is reported, as its rows cannot be checked."""
    found = findings(examine(count=0).report)
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
def test_a_missing_index_is_found_and_the_advice_makes_it(examine, rows, kept, missing):
    """A lookup without an index is found, and after the advised statement it is found no more."""
    case = examine(indexes=[kept], count=rows)
    (statement,) = advised(case.report)
    assert re.fullmatch(rf"CREATE INDEX (CONCURRENTLY )?ix_members_{missing} ON members \({missing}\);", statement)
    case.database.run(statement)
    assert findings(case.project.doctor("member")) == []


@pytest.mark.parametrize("rows", [1, 3])
def test_a_small_table_with_indexes_has_no_finding(examine, rows):
    """A database that reads a small table whole, in spite of its indexes, causes no finding."""
    assert findings(examine(count=rows).report) == []


def test_an_index_on_something_else_serves_nobody(examine):
    """An index does not count when the column is not its first, or when it serves a fixed condition."""
    case = examine(
        indexes=["mail", "region"],
        sql=["CREATE INDEX ix_second ON members (city, mobile)"],
        dataset=[(NEWEST, '    where={"region": 1},\n' + NEWEST)],
    )
    assert "(mobile)" in advised(case.report)[0]


def test_an_index_that_begins_with_the_column_serves(examine):
    """A composite index serves when it begins with the identifier's column, a unique one as well."""
    sql = ["CREATE INDEX ix_both ON members (mobile, joined_on)", "CREATE UNIQUE INDEX ux_mail ON members (mail)"]
    assert findings(examine(indexes=(), sql=sql).report) == []


@pytest.mark.parametrize("fixed", ['where={"region": 1}', 'where={"region": [1, 2]}', 'match="all"'])
def test_fixed_conditions_do_not_hide_an_index(examine, fixed):
    """A lookup with fixed conditions, or by all identifiers, is served by the identifier's own index."""
    assert (
        findings(examine(dataset=[(NEWEST, f"    {fixed},\n{NEWEST}")], indexes=("mobile", "mail", "region")).report)
        == []
    )


def test_looking_by_any_identifier_needs_them_all(examine):
    """match='any' is served where each identifier has an index."""
    assert findings(examine(dataset=[(NEWEST, f'    match="any",\n{NEWEST}')]).report) == []


def test_many_rows_of_one_phone_want_a_composite_index(examine):
    """Where one person has hundreds of rows, the advised index covers the fixed conditions too."""
    case = examine(
        indexes=["mail"],
        count=300,
        rows=lambda n: {"mobile": person(n % 2)["mobile"], "region": n % 3},
        dataset=[(NEWEST, '    where={"region": 1},\n' + NEWEST)],
    )
    (statement,) = advised(case.report)
    assert statement.endswith("(mobile, region);")
    case.database.run(statement)
    assert findings(case.project.doctor("member")) == []


EXPRESSION = [('"phone": "mobile"', '"phone": Column("mobile", expression="replace(mobile, \' \', \'\')")')]
INSENSITIVE = [('"email": "mail"', '"email": Column("mail", case_insensitive=True)')]


@pytest.mark.parametrize(("declared", "column"), [(EXPRESSION, "mobile"), (INSENSITIVE, "mail")])
def test_an_expression_wants_an_index_of_its_own(examine, declared, column):
    """A plain index does not serve an expression: the advised index is on the expression, and serves it."""
    case = examine(dataset=declared)
    found = findings(case.report)
    assert [it["check"] for it in found] == ["index"]
    if case.dialect == "mariadb" and column == "mail":
        assert "take case_insensitive=True out" in found[0]["advice"]
        assert found[0]["sql"] == ""
        return
    case.database.run(found[0]["sql"])
    if case.dialect == "mariadb":
        assert "name the column 'mobile_lookup'" in found[0]["advice"]
        file = case.project.folder / "member.py"
        file.write_text(file.read_text().replace(declared[0][1], '"phone": "mobile_lookup"'))
    assert findings(case.project.doctor("member")) == []


def test_an_index_over_some_rows_does_not_count(project_over, sqlite, postgresql):
    """A partial index does not serve every lookup."""
    for database in (sqlite, postgresql):
        database.run(
            TABLE, "CREATE INDEX ix_mail ON members (mail)", "CREATE INDEX p ON members (mobile) WHERE region = 2"
        )
        database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(9)])
        assert "(mobile)" in advised(project_over(database, member=MEMBER).doctor("member"))[0]


VIEWS = {
    "renamed": "CREATE VIEW v AS SELECT mobile AS dt, mail AS thu, tier AS hang FROM members",
    "joined": "CREATE VIEW v AS SELECT m.mobile AS dt, m.mail AS thu, n.tier AS hang "
    "FROM members m LEFT JOIN members AS n ON n.member_code = m.member_code WHERE m.region = 1",
    "listed": "CREATE VIEW v (dt, thu, hang) AS SELECT mobile, mail, tier FROM members",
    "starred": "CREATE VIEW v AS SELECT members.*, mobile dt, mail AS thu, tier AS hang FROM members ORDER BY tier",
    "filtered": "CREATE VIEW v AS SELECT coalesce(city, 'a, b') AS c, mobile AS dt, mail AS thu, tier AS hang "
    "FROM members WHERE region = 1",
}
OPAQUE_VIEWS = {
    "grouped": [
        "CREATE VIEW v AS SELECT mobile AS dt, max(mail) AS thu, max(tier) AS hang FROM members GROUP BY mobile"
    ],
    "computed": ["CREATE VIEW v AS SELECT trim(mobile) AS dt, lower(mail) AS thu, tier AS hang FROM members"],
    "over a view": [
        "CREATE VIEW below AS SELECT mobile, mail, tier FROM members",
        "CREATE VIEW v AS SELECT mobile AS dt, mail AS thu, tier AS hang FROM below",
    ],
}
OVER_VIEW = """
from provider.dataset import TableDataset
dataset = TableDataset(
    name="v", source="crm", table="v", identifiers={"phone": "dt", "email": "thu"}, record={"tier": "hang"},
    several="first",
)
"""


def test_an_expression_over_a_view_wants_an_index_on_the_tables_column(sqlite, postgresql, project_over):
    """The advised index uses the table's own name of the column, not the view's."""
    expression = [('"phone": "dt"', '"phone": Column("dt", expression="replace(dt, \' \', \'\')")')]
    text = OVER_VIEW.replace(*expression[0]).replace("import TableDataset", "import Column, TableDataset")
    for database in (sqlite, postgresql):
        database.run(TABLE, "CREATE INDEX ix_mail ON members (mail)", VIEWS["renamed"])
        database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(9)])
        project = project_over(database, v=text)
        database.run(*advised(project.doctor("v")))
        assert findings(project.doctor("v")) == []


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_is_served_by_the_indexes_of_its_tables(database, project_over, view):
    """The advised index is on the view's table, whatever index its condition has, and with it nothing is found."""
    indexes = ["CREATE INDEX ix_mail ON members (mail)", "CREATE INDEX ix_region ON members (region)"]
    database.run(TABLE, *indexes, view)
    database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(40)])
    project = project_over(database, v=OVER_VIEW)
    (statement,) = advised(project.doctor("v"))
    assert "ON members (mobile)" in statement
    database.run(statement)
    assert findings(project.doctor("v")) == []


@pytest.mark.parametrize("view", OPAQUE_VIEWS.values(), ids=OPAQUE_VIEWS)
def test_a_view_that_is_not_plain_gets_no_statement(database, project_over, view):
    """Where a view computes its columns, or is over another view, the advice is to look for the column behind it."""
    database.run(TABLE, *view)
    database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(40)])
    found = findings(project_over(database, v=OVER_VIEW).doctor("v"))
    assert {it["check"] for it in found} == {"index"}
    assert all("cannot be told" in it["advice"] for it in found)
    assert not any(it["sql"] for it in found)


def test_a_selection_is_served_by_the_indexes_of_its_tables(database, project_over):
    """The advised index for a dataset over a join of its own is on the joined table."""
    database.run(TABLE, "CREATE TABLE orders (id INTEGER PRIMARY KEY, member VARCHAR(12), total INTEGER)")
    database.run("CREATE INDEX ix_orders ON orders (member)", "CREATE INDEX ix_mail ON members (mail)")
    database.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(40)])
    database.fill("orders", ("id", "member", "total"), *[(n, f"M{n:04d}", n) for n in range(40)])
    project = project_over(
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
    (statement,) = advised(project.doctor("orders"))
    assert "ON members (mobile)" in statement
    database.run(statement)
    assert findings(project.doctor("orders")) == []


def test_odd_names_are_quoted_in_the_advice(database, project_over):
    """Names with blanks, capitals, accents and quotes are quoted in the advised statement."""
    table, phone = 'Khách "hàng"', "Số điện thoại"
    database.run(
        f"CREATE TABLE {database.quote(table)} ({database.quote(phone)} VARCHAR(20), {database.quote('Hạng')} INTEGER)"
    )
    database.fill(table, [phone, "Hạng"], *[(f"09{n}", n) for n in range(12_345_678, 12_345_690)])
    project = project_over(
        database,
        kh=f"""
        from provider.dataset import TableDataset
        dataset = TableDataset(
            name="kh", source="crm", table={table!r}, identifiers={{"phone": {phone!r}}}, record={{"hang": "Hạng"}}
        )
        """,
    )
    (statement,) = advised(project.doctor("kh"))
    database.run(statement)
    assert findings(project.doctor("kh")) == []


# The dry run, and what is printed


def test_given_parameters_are_tried(examine):
    """The dry run uses the given parameters, and reports when nobody matches."""
    project = examine().project
    report = project.doctor("member", "--phone +84912345681 --email nobody@example.com")
    assert report["dryRun"]["asked"] == ["phone", "email"]
    assert report["dryRun"]["found"] is True
    report = project.doctor("member", "--param memberCode=M9999")
    assert (report["dryRun"]["asked"], report["dryRun"]["found"]) == (["memberCode"], False)
    assert [it["check"] for it in findings(report)] == ["dry-run"]
    report = project.doctor("member", "--phone 12")
    assert report["errors"] == 1


def test_a_person_reads_it(examine):
    """The printed report has levels, sentences, the SQL on a line of its own, the masked record and a total."""
    case = examine(indexes=["mail"])
    result = case.project.run("dataset doctor")
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
def test_a_dataset_in_plain_python_is_checked_as_far_as_it_goes(
    sqlite, project_over, extra, body, example, checks, says
):
    """The record, the parameters and a dry run of a dataset in plain Python are checked."""
    text = PLAIN.replace("{extra}", extra).replace("{body}", body).replace("{example}", example)
    report = project_over(sqlite, gift=text).doctor("gift")
    found = findings(report)
    assert [it["check"] for it in found] == checks
    assert not says or says in found[0]["message"]


def test_the_samples_are_healthy(sqlite, project_over, sample_data, monkeypatch):
    """The doctor finds nothing in the sample datasets."""
    project = project_over(sqlite)
    monkeypatch.setenv("PROVIDER_DATASETS", "samples")
    monkeypatch.setenv("PROVIDER_SOURCE_DEMO_URL", sample_data)
    result = project.run("dataset doctor")
    assert result.output.endswith("no errors, no warnings.\n"), result.output


def test_a_broken_file_does_not_hide_the_others(sqlite, project_over):
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
    project = project_over(sqlite, bad="x = 1 / 0\n", good=good)
    result = project.run("dataset doctor")
    assert result.exit_code == 1
    assert "bad.py:1" in result.output
    assert "a lookup by phone uses an index" in result.output
    assert project.doctor("good")["errors"] == 0
    assert "There is no dataset 'nothing'" not in project.run("dataset doctor good").output


def test_a_database_that_is_down_is_an_error(sqlite, project_over, monkeypatch, the_finding):
    """A source that does not answer is one error, without its password."""
    project = project_over(sqlite, member=MEMBER)
    monkeypatch.setenv("PROVIDER_SOURCE_CRM_URL", "postgresql+psycopg://me:hunter2@127.0.0.1:1/x")
    report = project.doctor("member")
    assert the_finding(report)["check"] == "source"
    assert "hunter2" not in str(report)


def test_a_view_that_never_answers_in_time_is_an_error(postgresql, project_over, monkeypatch):
    """A view that is too slow is found in bounded time: the sample and the lookup are reported."""
    slow = "SELECT mobile AS dt, mail AS thu, tier AS hang, pg_sleep(9) FROM members OFFSET 0"
    view = f"CREATE VIEW v AS SELECT dt, thu, hang FROM ({slow}) slow"
    postgresql.run(TABLE, view)
    postgresql.fill("members", COLUMNS, *[[person(n)[name] for name in COLUMNS] for n in range(2)])
    monkeypatch.setenv("PROVIDER_LOOKUP_TIMEOUT", "0.2")
    found = findings(project_over(postgresql, v=OVER_VIEW).doctor("v"))
    assert [it["check"] for it in found if it["level"] == "error"] == ["dry-run"]
    assert "Timeout" in next(it["message"] for it in found if it["check"] == "dry-run")
    assert "sample" in [it["check"] for it in found]


def test_a_user_who_may_not_read_is_an_error(postgresql, project_over, monkeypatch, the_finding):
    """A table the source's user may not read is one error in the database's words, and `new` writes no file."""
    role = f"reader_{postgresql.url.rpartition('/')[2]}"
    postgresql.run(TABLE, f"CREATE ROLE {role} LOGIN", f"GRANT USAGE ON SCHEMA public TO {role}")
    project = project_over(postgresql, member=MEMBER)
    try:
        monkeypatch.setenv("PROVIDER_SOURCE_CRM_URL", postgresql.url.replace("postgres@", f"{role}@"))
        found = the_finding(project.doctor("member"))
        assert (found["level"], found["check"]) == ("error", "statement")
        assert "permission denied" in found["message"]
        refused = project.run("dataset new other --source crm --table members")
        assert "permission denied" in refused.stderr
        assert "Nothing was written." in refused.stderr
        assert ".draft" not in refused.stderr
        assert not (project.folder / "other.py").exists()
    finally:
        postgresql.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_phones_are_read_as_those_of_the_region(sqlite, project_over, monkeypatch):
    """National phones are those of PHONE_REGION."""
    monkeypatch.setenv("PROVIDER_PHONE_REGION", "SG")
    sqlite.run("CREATE TABLE buyer (mobile TEXT PRIMARY KEY, points INTEGER)")
    sqlite.fill("buyer", ("mobile", "points"), *[(str(81_234_567 + n), n) for n in range(20)])
    project = project_over(sqlite)
    printed = project.new("buyer --source crm --table buyer")
    assert "mobile: 20 national of 20 sampled" in printed
    report = project.doctor("buyer")
    assert findings(report) == []
    assert report["dryRun"]["found"] is True


def test_text_that_is_not_utf8_is_found(sqlite, project_over, the_finding):
    """Bytes that are no UTF-8, which SQLite accepts as text, are found."""
    sqlite.run(
        "CREATE TABLE members (mobile TEXT PRIMARY KEY, full_name TEXT)",
        "INSERT INTO members VALUES ('0912345678', CAST(x'4e677579e1' AS TEXT)), ('0912345679', 'Lê')",
    )
    project = project_over(
        sqlite,
        member="""
        from provider.dataset import TableDataset
        dataset = TableDataset(
            name="member", source="crm", table="members", identifiers={"phone": "mobile"}, record={"n": "full_name"}
        )
        """,
    )
    assert "full_name holds text that is not UTF-8 in 1 of 2" in the_finding(project.doctor("member"))["message"]


def test_a_secret_in_the_record_is_found(sqlite, project_over, the_finding):
    """A record field over a column that is named like a password is found."""
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
    assert "looks like a secret" in the_finding(project_over(sqlite, m=text).doctor("m"))["message"]
