"""Files as people make them: every encoding, separator and slip, read right or refused with a clear word."""

import subprocess
import sys
import unicodedata
from datetime import date, datetime
from zipfile import ZipFile

import pytest
from records import rejected_rows, write_lines, write_sheet

from provider.errors import ConfigurationError
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.readers import FileRows

HEADER = "membershipId,customerPhone,membershipIssuedAt,customerName"
GOOD = "M1,0901234567,1584507164000,Nguyễn Thị Ánh"


def cells(file):
    """Read a file whole."""
    with FileRows(file) as rows:
        return list(rows)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8-sig", b""), ("utf-16", b""), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")],
)
def test_encodings_are_told_by_their_marks(tmp_path, encoding, mark):
    """UTF-8 with and without a mark, and UTF-16 with one, give the same names."""
    file = tmp_path / "a.csv"
    file.write_bytes(mark + f"{HEADER}\r\n{GOOD}\r\n".encode(encoding))
    ((number, row),) = cells(file)
    assert number == 2
    assert list(row) == HEADER.split(",")
    assert row["customerName"] == "Nguyễn Thị Ánh"


def vietnamese(text):
    """Write text as Windows' Vietnamese code page does: a letter with its hat, then the tone."""
    letters = []
    for letter in unicodedata.normalize("NFC", text):
        try:
            letters.append(letter.encode("cp1258"))
        except UnicodeEncodeError:
            whole = unicodedata.normalize("NFD", letter)
            tone = next(mark for mark in whole[::-1] if mark in "\u0300\u0301\u0303\u0309\u0323")
            base = unicodedata.normalize("NFC", whole.replace(tone, ""))
            letters.append((base + tone).encode("cp1258"))
    return b"".join(letters)


def test_the_vietnamese_code_page_is_composed(sqlite, tmp_path):
    """A name in cp1258, found only in the last row, is stored as whole letters (NFC)."""
    file = tmp_path / "a.csv"
    plain = "\n".join(f"P{number},0901234567,1584507164000,{'An' * 40}" for number in range(12_000))
    file.write_bytes(f"{HEADER}\n{plain}\n".encode() + vietnamese("M1,0901234567,1584507164000,Nguyễn Thị Ướt Đẫm\n"))
    sqlite.load(file)
    assert sqlite.records()[-1]["customerName"] == unicodedata.normalize("NFC", "Nguyễn Thị Ướt Đẫm")


def test_text_in_pieces_is_composed(sqlite, tmp_path):
    """Letters written in pieces (NFD) are stored whole, from CSV and from JSON."""
    name = unicodedata.normalize("NFD", "Nguyễn")
    file = tmp_path / "a.csv"
    file.write_text(
        f"{HEADER}\nM1,,1584507164000,{name}\n".replace("customerPhone", "customerId").replace(",,", ",C1,")
    )
    record = {"membershipId": "M2", "customerId": "C2", "membershipIssuedAt": 1584507164000, "customerName": name}
    sqlite.load(file)
    sqlite.load(write_lines(tmp_path / "a.jsonl", record))
    assert [record["customerName"] for record in sqlite.records()] == ["Nguyễn", "Nguyễn"]


def test_a_few_broken_bytes_cost_their_rows_only(tmp_path):
    """In UTF-8 with some broken bytes, the rows that have them are rejected and the others keep their letters."""
    file = tmp_path / "a.csv"
    file.write_bytes(f"{HEADER}\n{GOOD}\nM2,,,".encode() + b"\xff\n" + GOOD.encode())
    first, second, third = (row for _, row in cells(file))
    assert first["customerName"] == third["customerName"] == "Nguyễn Thị Ánh"
    assert isinstance(second, BrokenRow)
    assert "UTF-8" in second.reason


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_are_found_in_the_header(tmp_path, separator, end):
    """Comma, semicolon, tab and bar are told apart by the header, whatever the rows hold and the lines end with."""
    file = tmp_path / "a.txt"
    header = separator.join(["membershipId", '"a, b; c|d"', "customerName"])
    row = separator.join(["M1", '"x;y,z|w\tv"', '"two\nlines ""quoted"""'])
    file.write_text(end.join([header, "", row, ""]), newline="")
    assert cells(file) == [
        (3, {"membershipId": "M1", "a, b; c|d": "x;y,z|w\tv", "customerName": 'two\nlines "quoted"'})
    ]


def test_excels_own_line_names_the_separator(tmp_path):
    """The line `sep=;` is obeyed and is no header."""
    file = tmp_path / "a.csv"
    file.write_text("sep=;\nmembershipId;name, first, last\nM1;x\n")
    assert cells(file) == [(3, {"membershipId": "M1", "name, first, last": "x"})]


def test_rows_of_another_length_are_rejected(sqlite, tmp_path):
    """A row with too many or too few cells is rejected with both numbers, keeps its cells, and harms no other row."""
    file = tmp_path / "a.csv"
    file.write_text(f"{HEADER}\n{GOOD},more,\nM2,x\n\n{GOOD},,\n")
    counts = sqlite.load(file)
    assert (counts.read, counts.stored, counts.rejected) == (3, 1, 2)
    many, few = rejected_rows(file)
    assert many["reason"] == "has 6 cells where the header has 4"
    assert many[None] == ["more", ""]
    assert few["reason"] == "has 2 cells where the header has 4"
    assert few["customerPhone"] == "x"


def test_a_stray_quotation_mark_costs_its_row_only(sqlite, tmp_path):
    """A row whose quotation mark never closes, or closes too early, is rejected; those after it are not swallowed."""
    file = tmp_path / "a.csv"
    rows = [f"M{number},0901234567,1584507164000,An" for number in range(100)]
    rows[10] = 'X1,0901234567,1584507164000,"An'
    rows[20] = 'X2,0901234567,1584507164000,"An" Binh'
    rows[90] = 'X3,0901234567,1584507164000,"An'
    file.write_text("\n".join([HEADER, *rows]))
    counts = sqlite.load(file)
    assert (counts.stored, counts.rejected) == (97, 3)
    assert [row["membershipId"] for row in rejected_rows(file)] == [rows[10], rows[20], rows[90]]


def test_a_cell_that_is_too_long_costs_its_row_only(sqlite, tmp_path):
    """A row with a cell longer than any cell is rejected, and the reason says so."""
    file = tmp_path / "a.csv"
    row = "M{0},0901234567,1584507164000,{1}"
    file.write_text("\n".join([HEADER, row.format(1, "x" * 200_000), row.format(2, "An")]))
    counts = sqlite.load(file)
    assert (counts.stored, counts.rejected) == (1, 1)
    assert counts.reasons == {"has a cell of more than 131,072 characters": 1}


def test_a_card_number_that_excel_cut_is_rejected(sqlite, tmp_path):
    """Excel keeps fifteen digits of a number: a longer key would be that of many cards. As text it is kept."""
    file = tmp_path / "a.xlsx"
    cards = (4111111111111110, 123456789012345678, "4111111111111111")
    write_sheet(file, HEADER.split(","), *([card, "0901234567", 1584507164000, "An"] for card in cards))
    assert sqlite.load(file).rejected == 2
    assert [record["membershipId"] for record in sqlite.records()] == ["4111111111111111"]


def test_a_nul_is_rejected(store, tmp_path):
    """A cell with a NUL character is rejected: no database keeps one alike."""
    file = tmp_path / "a.csv"
    file.write_bytes(f"{HEADER}\n{GOOD}\x00\n{GOOD}".encode())
    counts = store.load(file)
    assert (counts.stored, counts.rejected) == (1, 1)
    assert rejected_rows(file)[0]["reason"].startswith("customerName")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"\n \n", "empty"),
        ("a.csv", b"a,,b\n1,2,3", "Column 2"),
        ("a.csv", b"a,b,a\n1,2,3", "'a'"),
        ("a.csv", b'a,"b\n1,2', "headers"),
        ("a.csv", b"PK\x03\x04\x00\x00\x00", "no text file"),
        ("a.json", b'[{"a": 1}]', "one record a line"),
        ("a.json", b'{\n"a": 1}', "one record a line"),
        ("a.xlsx", b"membershipId", "no Excel file"),
        ("a.xls", b"membershipId", "kind"),
        ("folder", None, "folder"),
        ("absent.csv", None, "no file"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, said):
    """A file that cannot be read as records is refused with a word on why."""
    (tmp_path / "folder").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        cells(tmp_path / name)


def test_blank_columns_at_the_end_are_nothing(tmp_path):
    """Blank headers at the end, which spreadsheets leave behind, are no columns."""
    file = tmp_path / "a.csv"
    file.write_text("a,b,,\n1,2,,\n")
    assert cells(file) == [(2, {"a": "1", "b": "2"})]


def test_lines_that_are_no_records_are_rejected(sqlite, tmp_path):
    """A line of JSON Lines that is no object is rejected; the file of rejected rows is imported once it is mended."""
    file = tmp_path / "a.jsonl"
    good = '{"membershipId": "M1", "customerId": "C1", "membershipIssuedAt": 1584507164000, "extra": {"of": [1]}}'
    file.write_text(f'{good}\n\n["M2"]\n{{"membershipId"\n{good.replace("M1", "M4").replace("C1", "")}\n')
    counts = sqlite.load(file)
    assert (counts.read, counts.stored, counts.rejected) == (4, 1, 3)
    rejected = rejected_rows(file)
    assert [row["row"] for row in rejected] == ["3", "4", "5"]
    assert rejected[2]["reason"].startswith("customerId is missing")
    mended = file.with_name(f"{file.name}.rejected.csv")
    text = mended.read_text(encoding="utf-8").replace('""customerId"":""""', '""customerId"":""C4""')
    mended.write_text(text, encoding="utf-8")
    again = sqlite.load(mended)
    assert (again.stored, again.rejected) == (1, 2)
    assert [record["membershipId"] for record in sqlite.records()] == ["M1", "M4"]
    assert sqlite.records()[1]["extra"] == {"of": [1]}


def test_excel_keeps_its_types(sqlite, tmp_path):
    """Numbers that were typed as ids and phones, dates and ticks of a sheet become what was meant."""
    file = write_sheet(
        tmp_path / "a.xlsx",
        (),
        ("Membership ID", "customer_phone", "Membership Issued At", "loyaltyPoint", "customFieldText", None, None),
        (123.0, 901234567, datetime(2021, 3, 8, 9, 30), 1250.0, None),  # noqa: DTZ001 -- as Excel has it
        (None, None, None),
        ("00456", "0901234568", "2021-03-08T09:30:00Z", "12", None, None, "too far"),
        (789, 84901234569.0, date(2021, 3, 8)),
    )
    counts = sqlite.load(file)
    assert (counts.read, counts.stored, counts.rejected) == (3, 2, 1)
    first, second = sqlite.records()
    assert first == {
        "membershipId": "123",
        "customerPhone": "0901234567",
        "membershipIssuedAt": 1615170600000,
        "loyaltyPoint": 1250,
    }
    assert (second["membershipId"], second["customerPhone"]) == ("789", "84901234569")
    assert second["membershipIssuedAt"] == 1615136400000
    (row,) = rejected_rows(file)
    assert row["Membership ID"] == "00456"
    assert row["reason"] == "has 7 cells where the header has 5"


def test_a_wrong_size_in_a_sheet_hides_no_row(tmp_path):
    """Rows are read though the file says there are none, as files of many programs do."""
    file = write_sheet(tmp_path / "a.xlsx", ("membershipId", "status"), ("M1", "Active"), ("M2", "Active"))
    with ZipFile(file) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'ref="A1:B3"', b'ref="A1"')
    with ZipFile(file, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    assert [row["membershipId"] for _, row in cells(file)] == ["M1", "M2"]


@pytest.mark.parametrize(
    ("part", "old", "new", "said"),
    [
        ("xl/worksheets/sheet1.xml", b"</sheetData>", b"", "damaged after row 3"),
        ("xl/worksheets/sheet1.xml", b"<v>7</v>", b"<v>seven</v>", "damaged after row 1"),
        ("xl/workbook.xml", b"</workbook>", b"", "is no Excel file"),
        ("xl/styles.xml", b"</styleSheet>", b"", "is no Excel file"),
    ],
)
def test_a_damaged_sheet_is_told(tmp_path, part, old, new, said):
    """A sheet that breaks off, or holds what no sheet does, is told in one line that says how far it could be read."""
    file = write_sheet(tmp_path / "a.xlsx", ("membershipId", "loyaltyPoint"), ("M1", 7), ("M2", 8))
    with ZipFile(file) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    with ZipFile(file, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    with pytest.raises(ConfigurationError, match=said):
        cells(file)


def test_without_the_library_excel_is_refused(tmp_path):
    """Without openpyxl, an Excel file is refused with the line that installs it, and CSV is read."""
    write_sheet(tmp_path / "a.xlsx", ("membershipId",), ("M1",))
    (tmp_path / "a.csv").write_text("membershipId\nM1\n")
    program = """
import sys
sys.modules["openpyxl"] = None
from pathlib import Path
from provider.errors import ConfigurationError
from provider.records.importing.readers import FileRows
print(list(FileRows(Path("a.csv"))))
try:
    FileRows(Path("a.xlsx"))
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[(2, {'membershipId': 'M1'})]",
        "Excel files need the library openpyxl. Install it: pip install 'access-data-provider[excel]'",
    ]
