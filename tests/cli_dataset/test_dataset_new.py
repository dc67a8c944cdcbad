"""`provider dataset new` writes a dataset file that works as it is, over any table."""

import shlex
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from provider.assist.scaffold.dataset_file import python_string
from provider.database.sources import Sources
from provider.dataset.discover import discover
from provider.lookup import lookup

RETAIL = """
CREATE TABLE {customers} (
    {ma_kh} VARCHAR(12) PRIMARY KEY, {ho_ten} VARCHAR(60), {sdt} VARCHAR(20), {mail} VARCHAR(80), {sinh} DATE,
    {dia_chi} VARCHAR(120), {hang} VARCHAR(20), {diem} INTEGER, {mat_khau} VARCHAR(64), {tao} TIMESTAMP NULL
)
"""
VIETNAMESE = {
    "customers": "Khách hàng", "ma_kh": "Mã khách hàng", "ho_ten": "Họ tên", "sdt": "Số điện thoại",
    "mail": "Thư điện tử", "sinh": "Ngày sinh", "dia_chi": "Địa chỉ", "hang": "Hạng thẻ", "diem": "Điểm",
    "mat_khau": "Mật khẩu", "tao": "Ngày tạo",
}  # fmt: skip
UNACCENTED = {
    "customers": "tbl_khach_hang", "ma_kh": "ma_kh", "ho_ten": "ho_ten", "sdt": "so_dien_thoai",
    "mail": "thu_dien_tu", "sinh": "ngay_sinh", "dia_chi": "dia_chi", "hang": "hang_the", "diem": "diem",
    "mat_khau": "mat_khau", "tao": "ngay_tao",
}  # fmt: skip
CAMEL = {
    "customers": "CustomerMaster", "ma_kh": "MemberCode", "ho_ten": "FullName", "sdt": "MobilePhone",
    "mail": "EmailAddress", "sinh": "BirthDate", "dia_chi": "Street", "hang": "Tier", "diem": "Points",
    "mat_khau": "PasswordHash", "tao": "CreatedAt",
}  # fmt: skip
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def people(count=40, phone="09{:08d}", email="person{:03d}@example.com"):
    """Make the rows of a customers' table."""
    return [
        (
            f"KH{n:04d}", f"Nguyễn Văn {n}", phone.format(12_345_678 + n), email.format(n), "1990-01-02", f"{n} Lê Lợi",
            ("Vàng", "Bạc")[n % 2], n * 10, "never-shown", f"{NOW - timedelta(days=n):%Y-%m-%d %H:%M:%S}",
        )
        for n in range(count)
    ]  # fmt: skip


def make_retail(database, names, rows):
    """Make a customers' table with names of somebody else's taste."""
    quoted = {key: database.quote(name) for key, name in names.items()}
    database.run(RETAIL.format(**quoted))
    database.fill(names["customers"], [name for key, name in names.items() if key != "customers"], *rows)


def served(project, database, name, **raw):
    """Look somebody up in a dataset, as the service would."""
    dataset = discover(project.package)[name]
    sources = Sources({"crm": database.url})
    try:
        dataset.prepare(sources)
        return lookup(dataset, raw)
    finally:
        sources["crm"].engine.dispose()


@pytest.mark.parametrize("names", [VIETNAMESE, UNACCENTED, CAMEL], ids=["vietnamese", "unaccented", "camel"])
def test_a_foreign_table_is_mapped_from_its_names(database, project, names):
    """Phone, email, key and date are known by English and Vietnamese names, and the file serves as it is."""
    make_retail(database, names, people())
    project.new(f"""khach-hang --source crm --table '{names["customers"]}'""")
    dataset = discover(project.package)["khach-hang"]
    key = {"Mã khách hàng": "maKhachHang", "ma_kh": "maKh", "MemberCode": "memberCode"}[names["ma_kh"]]
    assert {name: column.name for name, column in dataset.columns.items()} == {
        "phone": names["sdt"], "email": names["mail"], key: names["ma_kh"],
    }  # fmt: skip
    assert dataset.rules.newest_by == names["tao"]
    assert {field.column for field in dataset.record.values()} == {names["hang"], names["diem"]}
    record = served(project, database, "khach-hang", phone="0912345683")
    assert list(record.values()) == ["Bạc", 50]
    assert served(project, database, "khach-hang", email="person005@example.com") == record
    assert served(project, database, "khach-hang", **{key: "KH0005"}) == record
    project.lint()


def test_what_may_be_personal_is_commented_out_and_secrets_are_not_offered(database, project):
    """Every other column is listed with its type and what personal data it may be; a secret is not listed at all."""
    make_retail(database, UNACCENTED, people())
    printed = project.new("member --source crm --table tbl_khach_hang")
    text = project.text("member")
    for line in (
        '        # "hoTen": "ho_ten",  # VARCHAR(60); personal: name',
        '        # "ngaySinh": "ngay_sinh",  # DATE; personal: birth date',
        '        # "diaChi": "dia_chi",  # VARCHAR(120); personal: address',
        '        # "soDienThoai": "so_dien_thoai",  # VARCHAR(20); personal: phone',
        '        # "thuDienTu": "thu_dien_tu",  # VARCHAR(80); personal: email',
        '        # "maKh": "ma_kh",  # VARCHAR(12)',
    ):
        assert line in text.splitlines()
    assert "mat_khau" not in text
    assert "left out     mat_khau" in printed
    assert "provider dataset doctor member" in printed
    for personal in ("Nguyễn", "person0", "0912", "Lê Lợi"):
        assert personal not in printed + text


def test_a_line_that_is_uncommented_works(database, project):
    """Taking the comment sign away is all it takes to show a column."""
    make_retail(database, UNACCENTED, people())
    project.new("member --source crm --table tbl_khach_hang")
    file = project.folder / "member.py"
    file.write_text(file.read_text().replace('# "hoTen"', '"hoTen"'))
    assert served(project, database, "member", phone="0912345683")["hoTen"] == "Nguyễn Văn 5"


@pytest.mark.parametrize(
    ("patterns", "declared"),
    [
        (["09{:08d}"], '"phone": "so_dien_thoai",'),
        (["+849{:08d}"], '"phone": Column("so_dien_thoai", stored_as=("e164",)),'),
        (["849{:08d}"], '"phone": Column("so_dien_thoai", stored_as=("international",)),'),
        (["849{:08d}", "09{:08d}"], '"phone": Column("so_dien_thoai", stored_as=("national", "international")),'),
    ],
)
def test_the_phone_formats_that_occur_are_declared(database, project, patterns, declared):
    """The forms met in the sample, and no others, become stored_as."""
    rows = [row for pattern in patterns for row in people(phone=pattern)]
    rows = [(f"K{n}", *row[1:]) for n, row in enumerate(rows)]
    make_retail(database, UNACCENTED, rows)
    project.new("member --source crm --table tbl_khach_hang")
    assert declared in project.text("member")
    assert served(project, database, "member", phone="0912345683") == {"hangThe": "Bạc", "diem": 50}


def test_phones_with_separators_are_compared_without_them(database, project):
    """Blanks, dashes and dots in phones give an expression that finds them all."""
    rows = people()
    for n, row in enumerate(rows):
        phone = row[2]
        written = (f"{phone[:4]} {phone[4:7]} {phone[7:]}", f"{phone[:4]}-{phone[4:]}", f"{phone[:4]}.{phone[4:]}")
        rows[n] = (*row[:2], written[n % 3], *row[3:])
    make_retail(database, VIETNAMESE, rows)
    project.new("member --source crm --table 'Khách hàng'")
    assert "expression=" in project.text("member")
    for n in (3, 4, 5):
        assert served(project, database, "member", phone=f"09{12_345_678 + n:08d}")["diem"] == n * 10
    project.lint()


def test_a_few_phones_with_separators_do_not_cost_the_index(sqlite, project_over):
    """A few phones with blanks give a warning, and no expression, which would need an index of its own."""
    rows = people(100)
    rows[7] = (*rows[7][:2], "0912 345 685", *rows[7][3:])
    make_retail(sqlite, UNACCENTED, rows)
    project = project_over(sqlite)
    printed = project.new("member --source crm --table tbl_khach_hang")
    assert '"phone": "so_dien_thoai",' in project.text("member")
    assert "1 of 100 phones have blanks or dashes and will not be found" in printed


def test_emails_with_capitals_are_compared_in_small_letters(database, project):
    """Emails with capitals give case_insensitive, except where the column ignores capitals by itself."""
    make_retail(database, UNACCENTED, people(email="Person{:03d}@Example.com"))
    printed = project.new("member --source crm --table tbl_khach_hang")
    declared = 'Column("thu_dien_tu", case_insensitive=True)'
    if database.kind == "mariadb":
        assert declared not in project.text("member")
        assert "ignores by itself" in printed
    else:
        assert declared in project.text("member")
    assert served(project, database, "member", email="person005@example.com")["diem"] == 50


def test_phones_kept_as_numbers_are_found(database, project):
    """A column of numbers has lost the leading 0, and is compared as a number."""
    database.run("CREATE TABLE cust (mobile BIGINT, points INTEGER)")
    database.fill("cust", ["mobile", "points"], *[(912_345_678 + n, n) for n in range(30)])
    project.new("cust --source crm --table cust")
    assert served(project, database, "cust", phone="0912345683") == {"points": 5}


def test_phones_that_lost_their_zero_get_it_back(database, project):
    """A text column whose phones have all lost the leading 0 is compared with an expression that puts it back."""
    database.run("CREATE TABLE cust (mobile VARCHAR(20), points INTEGER)")
    database.fill("cust", ["mobile", "points"], *[(str(912_345_678 + n), n) for n in range(30)])
    project.new("cust --source crm --table cust")
    assert served(project, database, "cust", phone="0912345683") == {"points": 5}


def test_a_view_without_a_key_is_as_good_as_a_table(database, project):
    """A view over a join, with names of its own, is mapped like a table."""
    make_retail(database, UNACCENTED, people())
    database.run(
        "CREATE VIEW v_member AS SELECT so_dien_thoai AS dt, thu_dien_tu AS mail, hang_the AS tier FROM tbl_khach_hang"
    )
    project.new("member --source crm --table v_member")
    assert served(project, database, "member", phone="0912345683") == {"tier": "Bạc"}


def test_a_schema_is_named(postgresql, project_over):
    """A table of another schema is found with --schema, and without it the error says where it is."""
    postgresql.run(
        'CREATE SCHEMA "Sales Data"',
        'CREATE TABLE "Sales Data"."Người mua" ("Điện thoại" text, status text)',
        """INSERT INTO "Sales Data"."Người mua" VALUES ('0912345678', 'active')""",
    )
    project = project_over(postgresql)
    refused = project.run("dataset new buyer --source crm --table 'Người mua'")
    assert refused.exit_code == 1
    assert "It is in --schema Sales Data." in refused.stderr
    project.new("buyer --source crm --table 'Người mua' --schema 'Sales Data'")
    assert served(project, postgresql, "buyer", phone="0912345678") == {"status": "active"}
    project.lint()


def test_types_of_postgresqls_own_are_understood(postgresql, project_over):
    """Domains are what they are made of, citext ignores capitals by itself, and a code may be a UUID."""
    postgresql.run(
        "CREATE EXTENSION IF NOT EXISTS citext SCHEMA pg_catalog",
        "CREATE DOMAIN phone_number AS varchar(20)",
        "CREATE TYPE tier_of AS ENUM ('gold', 'silver')",
        "CREATE TABLE buyer (dt phone_number, mail pg_catalog.citext, tier tier_of, member_code uuid)",
        "CREATE INDEX ON buyer (dt)",
        "CREATE INDEX ON buyer (mail)",
        "CREATE INDEX ON buyer (member_code)",
    )
    code = "6f1f7a4e-0000-4000-8000-000000000001"
    postgresql.fill(
        "buyer", ["dt", "mail", "tier", "member_code"], ("0912345678", "A.Person@Example.com", "gold", code)
    )
    project = project_over(postgresql)
    project.new("buyer --source crm --table buyer")
    text = project.text("buyer")
    for line in ('"phone": "dt",', '"email": "mail",', '"memberCode": "member_code",'):
        assert line in text
    for raw in ({"phone": "0912345678"}, {"email": "a.person@example.com"}, {"memberCode": code}):
        assert served(project, postgresql, "buyer", **raw) == {"tier": "gold"}
    report = project.doctor("buyer")
    assert (report["errors"], report["warnings"]) == (0, 0)
    (project.folder / "buyer.py").write_text(
        text.replace('"mail"', 'Column("mail", case_insensitive=True)').replace(
            "import TableDataset", "import Column, TableDataset"
        )
    )
    (found,) = [it for it in project.doctor("buyer")["findings"] if it["level"] == "warning"]
    assert "take case_insensitive=True out" in found["advice"]


ODD = [
    'say "hi"', "it's", "back\\slash", "new\nline", "tab\there", "日本語", "Ελληνικά", "e\u0301 decomposed", "class",
    "select", "100%", "a:b", "{curly}", '"""', "zero\u200bwidth", "2nd", " lead", "x" * 60, "dấu “ngoặc” \u2013 dài",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_odd_names_are_written_so_that_python_reads_them_back(request, project_over, kind):
    """Quotes, backslashes, line breaks, other alphabets and reserved words in names survive; the file is formatted."""
    database = request.getfixturevalue(kind)
    table = "Odd 'table' \"of\" \\things"
    # SQLAlchemy reads MariaDB's tables line by line, and MariaDB takes no blank at the end of a name.
    names = [name.replace("\n", " ").strip() if kind == "mariadb" else name for name in ODD]
    columns = ", ".join(f"{database.quote(name)} VARCHAR(20)" for name in names)
    database.run(f"CREATE TABLE {database.quote(table)} ({database.quote('điện thoại')} VARCHAR(20), {columns})")
    values = ["0912345678", *[f"value {n}" for n in range(len(names))]]
    database.fill(table, ["điện thoại", *names], values)
    project = project_over(database)
    project.new(f"odd --source crm --table {shlex.quote(table)}")
    project.lint()
    file = project.folder / "odd.py"
    head, _, tail = file.read_text().partition("# Not shown.")
    note, _, tail = tail.partition("\n")
    file.write_text(f"{head}# Not shown.{note}\n" + tail.replace('        # "', '        "'))
    record = served(project, database, "odd", phone="0912345678")
    assert {value for value in record.values() if value is not True} >= set(values)


def test_any_text_is_written_as_itself():
    """A name written as Python is read back unchanged, whatever is in it."""
    for name in (*ODD, "\U0001f600", "\x00", "đĐ", "'\"'\""):
        assert eval(python_string(name)) == name


def test_a_table_of_nothing_but_personal_data_shows_nothing(database, project):
    """Where no column is certain to be harmless, the file still works and says what to uncomment."""
    database.run("CREATE TABLE p (full_name VARCHAR(40), mobile VARCHAR(20))")
    database.fill("p", ["full_name", "mobile"], ("Trần B", "0912345678"))
    printed = project.new("p --source crm --table p")
    assert served(project, database, "p", phone="0912345678") == {"found": True}
    assert "nothing yet" in printed
    assert "uncomment" in printed
    project.lint()


def test_a_harmless_name_over_personal_values_is_not_shown(sqlite, project_over):
    """A column whose values are phones, emails or texts that never repeat is not shown, whatever it is called."""
    sqlite.run("CREATE TABLE p (mobile TEXT, status TEXT, tier TEXT, rank TEXT)")
    rows = [(f"09{n:08d}", f"a{n}@b.vn", f"08{n:08d}", f"Nguyễn {n}") for n in range(12_345_678, 12_345_718)]
    sqlite.fill("p", ["mobile", "status", "tier", "rank"], *rows)
    project = project_over(sqlite)
    project.new("p --source crm --table p")
    assert served(project, sqlite, "p", phone="0912345678") == {"found": True}


def test_values_tell_where_names_do_not(sqlite, project_over):
    """Columns with meaningless names are known by what they hold."""
    sqlite.run("CREATE TABLE t (f1 TEXT, f2 TEXT, f3 TEXT, points INTEGER)")
    sqlite.fill(
        "t", ["f1", "f2", "f3", "points"], *[(f"x{n}", f"+849123456{n}", f"a{n}@b.vn", n) for n in range(10, 40)]
    )
    project = project_over(sqlite)
    project.new("t --source crm --table t")
    dataset = discover(project.package)["t"]
    assert {name: column.name for name, column in dataset.columns.items()} == {"phone": "f2", "email": "f3"}


def test_what_only_sounds_like_a_phone_is_not_one(sqlite, project_over):
    """Whether a phone is verified, whose shop it is and the fax are not the person's phone."""
    sqlite.run("CREATE TABLE t (phone_verified BOOLEAN, shop_phone TEXT, fax TEXT, dt TEXT, emergency_phone TEXT)")
    rows = [(1, "02838123456", "02838123457", f"09{n}", f"08{n}") for n in range(12_345_678, 12_345_698)]
    sqlite.fill("t", ["phone_verified", "shop_phone", "fax", "dt", "emergency_phone"], *rows)
    project = project_over(sqlite)
    project.new("t --source crm --table t")
    assert discover(project.package)["t"].columns["phone"].name == "dt"


def test_an_empty_table_is_mapped_by_its_names(database, project):
    """Without rows the names decide, and the engineer is told so."""
    make_retail(database, UNACCENTED, [])
    printed = project.new("member --source crm --table tbl_khach_hang")
    assert "no rows" in printed
    assert set(discover(project.package)["member"].columns) == {"phone", "email", "maKh"}


def test_named_columns_take_the_place_of_guesses(sqlite, project_over):
    """Columns named on the command line are used as they are; one that is not there is refused."""
    sqlite.run("CREATE TABLE t (a TEXT, b TEXT, c TEXT, d TEXT, mobile TEXT)")
    project = project_over(sqlite)
    project.new("t --source crm --table t --phone a --email b --key c --newest-by d")
    dataset = discover(project.package)["t"]
    assert {name: column.name for name, column in dataset.columns.items()} == {"phone": "a", "email": "b", "c": "c"}
    assert dataset.rules.newest_by == "d"
    refused = project.run("dataset new u --source crm --table t --phone mobil")
    assert "Did you mean 'mobile'?" in refused.stderr
    assert refused.exit_code == 1


def test_a_file_is_never_overwritten(sqlite, project_over):
    """A file that is there is left as it is, and the command fails."""
    sqlite.run("CREATE TABLE t (mobile TEXT)")
    project = project_over(sqlite)
    project.new("my-members --source crm --table t")
    (project.folder / "my_members.py").write_text("# mine\n")
    refused = project.run("dataset new my-members --source crm --table t")
    assert refused.exit_code == 1
    assert "my_members.py exists already and was left as it is" in refused.stderr
    assert project.text("my_members") == "# mine\n"


def test_a_failure_leaves_nothing_behind(sqlite, project_over):
    """Whatever cannot be written leaves no half of a file."""
    sqlite.run("CREATE TABLE t (mobile TEXT)", "CREATE TABLE nobody (a TEXT)")
    project = project_over(sqlite, taken="from provider.dataset import TableDataset\n")
    before = sorted(project.folder.iterdir())
    for line, why in (
        ("x --source crm --table tt", "has no table or view 'tt'"),
        ("x --source crm --table nobody", "Name one with --phone, --email or --key. There are: a."),
        ("x --source shop --table t", "Set PROVIDER_SOURCE_SHOP_URL"),
        ("a/b --source crm --table t", "cannot stand in an address"),
        ("../x --source crm --table t", "cannot stand in an address"),
    ):
        refused = project.run(f"dataset new {line}")
        assert refused.exit_code == 1
        assert why in refused.stderr, refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert [it for it in sorted(project.folder.iterdir()) if it.name != "__pycache__"] == before


def test_a_database_that_is_down_is_named(project_over, sqlite, monkeypatch):
    """A source that does not answer is named, without its password."""
    project = project_over(sqlite)
    monkeypatch.setenv("PROVIDER_SOURCE_CRM_URL", "postgresql+psycopg://me:hunter2@127.0.0.1:1/x")
    refused = project.run("dataset new x --source crm --table t")
    assert refused.exit_code == 1
    assert "source 'crm' does not answer" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_the_table_is_only_read(sqlite, project_over, tmp_path):
    """Neither command changes a byte of the partner's database."""
    make_retail(sqlite, UNACCENTED, people())
    with sqlite3.connect(tmp_path / "partner.db") as connection:
        before = list(connection.iterdump())
    connection.close()
    project = project_over(sqlite)
    project.new("member --source crm --table tbl_khach_hang")
    project.doctor("member")
    with sqlite3.connect(tmp_path / "partner.db") as connection:
        assert list(connection.iterdump()) == before
    connection.close()


def test_two_columns_of_one_name_get_two_fields(sqlite, project_over):
    """Columns that differ by accents only become fields of different names."""
    sqlite.run('CREATE TABLE t (mobile TEXT, "ghi chu" TEXT, "ghi chú" TEXT, ghi_chu TEXT)')
    project = project_over(sqlite)
    project.new("t --source crm --table t")
    text = project.text("t")
    for line in ('# "ghiChu": "ghi chu",', '# "ghiChu2": "ghi chú",', '# "ghiChu3": "ghi_chu",'):
        assert line in text
