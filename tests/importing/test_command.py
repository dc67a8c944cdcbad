"""The command `provider import`: what it prints, how mappings are made and used, one clear line for every mistake."""

import json
import os
import pty
import shlex
import subprocess
import tomllib

import pytest
from click.testing import CliRunner
from support import PROVIDER, environment, fill

from provider.cli.main import provider
from provider.contract.entities import DOCUMENTED

SHOP = """\
Mã thẻ;SĐT;Email KH;Họ tên;Ngày cấp;Điểm;Hạng thẻ;Ghi chú;Mã khách hàng
M1;901234567;An@Example.com;Nguyễn Văn An;15/06/2020;1.250.000;Vàng;x;C1
M2;0901234568;;Lê Bình;16/06/2020;12;Bạc;;C2
M3;call me;;Lê Chi;soon;12;Bạc;;C3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, migrated_database, sample_data):
    """Give a working folder with a migrated database and a shop's file."""
    (tmp_path / "shop.csv").write_text(SHOP, encoding="utf-8")
    return fill(tmp_path, migrated_database, sample_data)


def call(arguments, variables):
    """Run the command in the working folder, in this process; it never ends in a traceback."""
    result = CliRunner().invoke(provider, ["import", *arguments], prog_name="provider", env=variables)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def run(*arguments, **variables):
    """Import, and give what is printed; it must succeed."""
    result = call(arguments, variables)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refusal(*arguments, **variables):
    """Import, and give the one line by which it is refused."""
    result = call(arguments, variables)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Unexpected" not in result.stderr
    (line,) = result.stderr.splitlines()
    return line.removeprefix("Error: ")


def test_a_guessed_mapping_imports_a_vietnamese_file(folder):
    """--guess writes which field each column means; by that the file is imported, and no second guess overwrites it."""
    printed = run("customer-membership", "shop.csv", "--guess")
    assert "needs --time-format '%d/%m/%Y'" in printed
    assert printed.endswith("shop.csv --mapping shop.csv.mapping.toml --time-format %d/%m/%Y\n")
    mapping = tomllib.loads((folder / "shop.csv.mapping.toml").read_text(encoding="utf-8"))
    assert mapping == {
        "Mã thẻ": "membershipId",
        "SĐT": "customerPhone",
        "Email KH": "customerEmail",
        "Họ tên": "customerName",
        "Ngày cấp": "membershipIssuedAt",
        "Điểm": "loyaltyPoint",
        "Hạng thẻ": "membershipType",
        "Ghi chú": "",
        "Mã khách hàng": "customerId",
    }
    assert "is there already" in refusal("customer-membership", "shop.csv", "--guess")
    options = ("--mapping", "shop.csv.mapping.toml", "--time-format", "%d/%m/%Y")
    summary = json.loads(run("customer-membership", "shop.csv", *options, "--json"))
    assert (summary["read"], summary["stored"], summary["rejected"]) == (3, 2, 1)
    assert (summary["leftOut"], summary["rejectedFile"]) == ([], "shop.csv.rejected.csv")
    again = run("customer-membership", "shop.csv.rejected.csv", *options, "--dry-run")
    assert "1 read, 0 good, 1 rejected" in again


@pytest.mark.parametrize(
    ("object_type", "header", "field"),
    [
        ("customer-identity", "Số điện thoại", "phone"),
        ("customer-identity", "Di động", "phone"),
        ("customer-identity", "Thư điện tử", "email"),
        ("customer-identity", "Ma KH", "customerId"),
        ("customer-identity", "customer_code", "customerId"),
        ("customer-identity", "Họ và tên", "fullName"),
        ("customer-identity", "Tên khách hàng", "fullName"),
        ("customer-identity", "Ngày sinh", "dob"),
        ("customer-identity", "Giới tính", "gender"),
        ("customer-identity", "Quận/Huyện", "district"),
        ("customer-identity", "Địa chỉ", "address"),
        ("customer-identity", "Ngày tạo", "createdAt"),
        ("customer-identity", "updated_at", "updatedAt"),
        ("customer-membership", "Điểm tích lũy", "earnPoint"),
        ("customer-membership", "Điểm hiện tại", "loyaltyPoint"),
        ("customer-product-review", "Tên sản phẩm", "productName"),
        ("customer-identity", "password", ""),
    ],
)
def test_the_vocabulary_of_guesses(folder, object_type, header, field):
    """Usual headers in Vietnamese and English are guessed; a secret never is."""
    (folder / "a.csv").write_text(f"{header}\n", encoding="utf-8")
    run(object_type, "a.csv", "--guess")
    assert tomllib.loads((folder / "a.csv.mapping.toml").read_text(encoding="utf-8")) == {header: field}


@pytest.mark.parametrize(
    ("written", "time_format"),
    [
        (("2021-03-08", "15/06/1988"), "%d/%m/%Y"),
        (("06/15/1988", "06/05/1988"), "%m/%d/%Y"),
        (("15-06-1988 09:30:00",), "%d-%m-%Y %H:%M:%S"),
        (("15.6.1988 09:30",), "%d.%m.%Y %H:%M"),
    ],
)
def test_the_next_command_is_whole(folder, written, time_format):
    """The command that --guess prints can be run as it stands: with the format of times, and names in quotes."""
    rows = "".join(f"M{number},0901234567,{time}\n" for number, time in enumerate(written))
    (folder / "khách hàng.csv").write_text(f"Mã thẻ,SĐT,Ngày cấp\n{rows}", encoding="utf-8")
    *_, line = run("customer-membership", "khách hàng.csv", "--guess").splitlines()
    arguments = shlex.split(line.partition(", then provider import ")[2])
    assert arguments[-1] == time_format
    assert f"{len(written)} stored" in run(*arguments)


def test_foreign_headers_lead_to_a_guess(folder):
    """Where columns are no fields and rows are rejected, --guess is named; so it is where no row names columns."""
    (folder / "a.csv").write_text("Mã KH,email\nC1,an@example.com\n", encoding="utf-8")
    assert "--guess writes a mapping" in run("customer-identity", "a.csv")
    (folder / "title.csv").write_text("Danh sách khách hàng\nmembershipId\nM1\n", encoding="utf-8")
    assert "The first row must name the columns" in refusal("customer-membership", "title.csv")


@pytest.mark.parametrize(
    ("header", "fields"),
    [("Họ;Tên", ["firstName", "lastName"]), ("Họ đệm;Tên", ["firstName", "lastName"]), ("Tên;Mã", ["fullName", ""])],
)
def test_a_given_name_is_known_beside_a_surname(folder, header, fields):
    """Tên is the given name beside a column of surnames, and alone the whole name."""
    (folder / "a.csv").write_text(f"{header}\n", encoding="utf-8")
    run("customer-identity", "a.csv", "--guess")
    mapping = tomllib.loads((folder / "a.csv.mapping.toml").read_text(encoding="utf-8"))
    assert list(mapping.values()) == fields


def test_contents_tell_what_a_name_does_not(folder):
    """A column of emails and one of phones are guessed by what is in them."""
    rows = "\n".join(f"{number};90123456{number};m{number}@example.com" for number in range(10))
    (folder / "a.csv").write_text(f"A;B;C\n{rows}\n")
    run("customer-membership", "a.csv", "--guess")
    mapping = tomllib.loads((folder / "a.csv.mapping.toml").read_text())
    assert mapping == {"A": "", "B": "customerPhone", "C": "customerEmail"}


def test_the_summary_tells_what_to_mind(folder):
    """The summary counts warnings and reasons by kind, and names columns that are left out with what they may mean."""
    (folder / "a.csv").write_text(
        "membershipId,customerPhone,loyalityPoint,remark\nM1,x,1,a\nM2,y,2,b\n", encoding="utf-8"
    )
    printed = run("customer-membership", "a.csv")
    assert printed.startswith("customer-membership: 2 read, 0 stored, 2 rejected")
    assert "column 'loyalityPoint' is no field, so it is left out. Did you mean loyaltyPoint?" in printed
    assert "column 'remark' is no field, so it is left out.\n" in printed
    assert "no column is membershipIssuedAt, which every record needs" in printed
    assert "        2  membershipIssuedAt is missing" in printed
    (folder / "b.csv").write_text("membershipId,customerPhone,membershipIssuedAt\nM1,x,1584507164\n")
    printed = run("customer-membership", "b.csv")
    assert "        1  customerPhone is not a phone number" in printed
    assert "        1  membershipIssuedAt looks like seconds" in printed
    assert "rejected rows are in" not in printed


def test_no_personal_data_is_printed(folder):
    """Neither the summary nor an error quotes a value of a record."""
    (folder / "a.csv").write_text(
        "membershipId,customerPhone,customerEmail,membershipIssuedAt,loyaltyPoint\n"
        "M-secret,0901234567,secret@example,2021-13-45,1.234\nM-secret,secret,secret,1584507164,secret\n"
    )
    for options in ([], ["--json"], ["--dry-run"]):
        printed = run("customer-membership", "a.csv", *options)
        assert "secret" not in printed
        assert "0901234567" not in printed
        assert "1.234" not in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["customers", "shop.csv"], "customer-identity, customer-relationship, customer-membership"),
        (["order", "shop.csv"], "'order' has no table"),
        (["customer-membership", "absent.csv"], "no file absent.csv"),
        (["customer-membership", "."], "a folder"),
        (["customer-membership", "empty.csv"], "empty.csv is empty"),
        (["customer-membership", "shop.csv"], "--guess"),
        (["customer-membership", "twice.csv"], "both mean membershipId"),
        (["customer-membership", "shop.csv", "--mapping", "absent.toml"], "absent.toml cannot be read"),
        (["customer-membership", "shop.csv", "--mapping", "shop.csv"], "is not TOML"),
        (["customer-membership", "shop.csv", "--mapping", "field.toml"], "Did you mean membershipId?"),
        (["customer-membership", "shop.csv", "--mapping", "column.toml"], "a column 'Mã'"),
        (["customer-membership", "shop.csv", "--mapping", "number.toml"], "gives 'a' no field"),
    ],
)
def test_a_mistake_is_one_clear_line(folder, arguments, said):
    """What cannot be imported is told in one line on standard error, without a traceback."""
    (folder / "empty.csv").touch()
    (folder / "twice.csv").write_text("membership id,membershipId\n1,2\n")
    (folder / "field.toml").write_text('"SĐT" = "memberchipId"\n', encoding="utf-8")
    (folder / "column.toml").write_text('"Mã" = "membershipId"\n', encoding="utf-8")
    (folder / "number.toml").write_text('"a" = 1\n')
    assert said in refusal(*arguments)


@pytest.mark.parametrize("options", [["--zone", "Hanoi"], ["--zone", "+25:00"], ["--time-format", "%Q"]])
def test_options_that_mean_nothing_are_refused(options):
    """A zone or a format that is none is refused before anything is read."""
    result = call(["customer-membership", "shop.csv", *options], {})
    assert result.exit_code == 2
    assert options[0] in result.stderr


def test_a_database_that_is_not_ready_is_told(folder):
    """Without tables, or without a database, one line says what to do."""
    (folder / "a.csv").write_text("membershipId\nM1\n")
    line = refusal("customer-membership", "a.csv", PROVIDER_DATABASE_URL="sqlite:///new.db")
    assert "provider db upgrade" in line
    address = "postgresql+psycopg://postgres@127.0.0.1:1/nothing"
    line = refusal("customer-membership", "a.csv", PROVIDER_DATABASE_URL=address)
    assert "does not answer" in line


def test_a_bar_is_shown_to_a_person_only(folder):
    """On a terminal the records, the rate and the time left are shown while it runs; elsewhere nothing is."""
    rows = "".join(f"M{number},C1,1584507164000\n" for number in range(5_000))
    (folder / "a.csv").write_text(f"membershipId,customerId,membershipIssuedAt\n{rows}")
    run("customer-membership", "a.csv")
    here, there = pty.openpty()
    process = subprocess.Popen(
        [PROVIDER, "import", "customer-membership", "a.csv"],
        cwd=folder,
        env=environment(TERM="xterm", COLUMNS="120"),
        stdout=subprocess.PIPE,
        stderr=there,
    )
    os.close(there)
    shown = b""
    try:
        while part := os.read(here, 65536):
            shown += part
    except OSError:  # the terminal is gone with the program
        pass
    os.close(here)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"5,000 read, 0 rejected" in shown
    assert b"/s" in shown
    assert printed.startswith(b"customer-membership: 5,000 read, 5,000 stored, 0 rejected")


def test_every_object_type_with_a_table_is_named():
    """An object type that is none is answered with all there are."""
    line = refusal("nothing", "shop.csv")
    assert all(object_type in line for object_type in DOCUMENTED)
