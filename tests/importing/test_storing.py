"""What an import does to the tables: one row for each key, the last one, and the others set aside to be mended."""

import pytest
from records import MEMBERSHIP, example, rejected_rows, write_csv, write_lines

from provider.contract.entities import DOCUMENTED
from provider.errors import ConfigurationError
from provider.records.importing.import_run import ImportOptions, ImportRun

RECORD = {"membershipId": "M1", "customerPhone": "0901234567", "membershipIssuedAt": 1584507164000}


def test_a_key_that_comes_again_is_replaced_whole(store, tmp_path):
    """Of records with one key the last in the file stays, also over an earlier import, and nothing of the others."""
    first = RECORD | {"status": "Active", "loyaltyPoint": 1, "extra": "old"}
    last = RECORD | {"membershipIssuedAt": 1584507160000, "customerPhone": "0901234568"}
    other = RECORD | {"internalCompanyId": "HQ"}
    case = RECORD | {"membershipId": "m1"}
    store.load(write_lines(tmp_path / "old.jsonl", first))
    before = store.rows()[0]["row_id"]
    counts = store.load(write_lines(tmp_path / "new.jsonl", first, other, case, last))
    assert (counts.read, counts.stored) == (4, 4)
    records = {(record["membershipId"], record.get("internalCompanyId")): record for record in store.records()}
    assert records == {("M1", None): last, ("M1", "HQ"): other, ("m1", None): case}
    assert len(store.rows()) == 3
    (row,) = (row for row in store.rows() if row["membershipId"] == "M1" and not row["internalCompanyId"])
    assert row["row_id"] == before
    assert (row["phone_key"], row["newest_at"]) == ("+84901234568", 1584507160000)


def test_importing_again_changes_nothing(store, tmp_path):
    """The same file again leaves the same records, and no unfinished import."""
    file = write_csv(tmp_path / "a.csv", *(RECORD | {"membershipId": f"M{number}"} for number in range(2500)))
    store.load(file)
    before = store.records()
    counts = store.load(file)
    assert (counts.stored, len(before)) == (2500, 2500)
    assert store.records() == before
    assert store.unfinished_imports() == 0


def test_rejected_rows_are_mended_and_imported(sqlite, tmp_path):
    """The rejected file has the columns of the file and the reason, opens in Excel, and is imported as it is."""
    file = tmp_path / "a.csv"
    file.write_text(
        "membershipId;customer phone;membershipIssuedAt;loyaltyPoint;note\n"
        "M1;901234567;1584507164000;5;a\n;0901234568;soon;6;b\nM3;0901234569;1584507164000;1.250;c\n"
    )
    counts = sqlite.load(file)
    assert (counts.read, counts.stored, counts.rejected) == (3, 1, 2)
    rejected = tmp_path / "a.csv.rejected.csv"
    assert rejected.read_bytes().startswith(
        b"\xef\xbb\xbfmembershipId;customer phone;membershipIssuedAt;loyaltyPoint;note;"
    )
    text = rejected.read_text(encoding="utf-8-sig")
    second, third = text.splitlines()[1:]
    assert second.startswith(";0901234568;soon;6;b;")
    assert "membershipId is missing" in second
    assert "membershipIssuedAt is no time" in second
    assert third.startswith("M3;0901234569;1584507164000;1.250;c;loyaltyPoint can be read")
    rejected.write_text(text.replace("\n;", "\nM2;").replace("soon", "2021-03-08"), encoding="utf-8-sig", newline="")
    again = sqlite.load(rejected)
    assert (again.stored, again.rejected) == (1, 1)
    twice = tmp_path / "a.csv.rejected.csv.rejected.csv"
    assert twice.read_text(encoding="utf-8-sig").splitlines() == [text.splitlines()[0], third]
    twice.write_text(twice.read_text(encoding="utf-8-sig").replace("1.250", "1250"), encoding="utf-8-sig")
    assert sqlite.load(twice).stored == 1
    assert not (tmp_path / "a.csv.rejected.csv.rejected.csv.rejected.csv").exists()
    assert [record["membershipId"] for record in sqlite.records()] == ["M1", "M2", "M3"]


def test_without_rejected_rows_there_is_no_file_of_them(sqlite, tmp_path):
    """A file in which all is well has no rejected file, and one of an earlier run is gone."""
    file = write_csv(tmp_path / "a.csv", RECORD | {"membershipIssuedAt": "soon"})
    sqlite.load(file)
    assert len(rejected_rows(file)) == 1
    write_csv(file, RECORD)
    sqlite.load(file)
    assert not (tmp_path / "a.csv.rejected.csv").exists()


def test_a_column_called_reason_may_be_a_field(sqlite, tmp_path):
    """Where `reason` is a field, the column that says why is called rejection, and both survive a second round."""
    record = {name: value for name, value in example("sms-interaction").items() if not isinstance(value, dict)}
    file = write_csv(tmp_path / "a.csv", record | {"event": "lost", "reason": "mailbox full"})
    sqlite.load(file, "sms-interaction")
    rejected = tmp_path / "a.csv.rejected.csv"
    (row,) = rejected_rows(file)
    assert row["reason"] == "mailbox full"
    assert row["rejection"].startswith("event must be one of")
    rejected.write_text(rejected.read_text(encoding="utf-8").replace("lost", "sent"), encoding="utf-8")
    assert sqlite.load(rejected, "sms-interaction").stored == 1
    assert sqlite.records("sms-interaction")[0]["reason"] == "mailbox full"


def test_a_dry_run_writes_nothing(store, tmp_path):
    """A dry run counts as the run does, and leaves the tables and the folder as they are."""
    file = write_csv(
        tmp_path / "a.csv", RECORD, RECORD | {"membershipIssuedAt": "soon"}, RECORD | {"customerPhone": "x"}
    )
    before = {path.name for path in tmp_path.iterdir()}
    dry = store.load(file, dry_run=True)
    assert (dry.read, dry.stored, dry.rejected) == (3, 2, 1)
    assert (store.rows(), store.unfinished_imports()) == ([], 0)
    assert {path.name for path in tmp_path.iterdir()} == before
    run = store.load(file)
    assert (run.reasons, run.warnings) == (dry.reasons, dry.warnings)
    assert sum(run.warnings.values()) == 1


def test_what_the_database_refuses_costs_its_row_only(store, tmp_path):
    """A text that is too long for a database is rejected there, alone; the others of its batch are stored."""
    long = RECORD | {"membershipId": "M2", "customerName": "x" * 70_000}
    rows = [RECORD | {"membershipId": f"N{number}", "customerName": "An"} for number in range(5)]
    file = write_csv(tmp_path / "a.csv", *rows, long, *(row | {"customerName": "Bo"} for row in rows))
    counts = store.load(file)
    refused = "mysql" in store.url
    assert (counts.stored, counts.rejected) == ((10, 1) if refused else (11, 0))
    assert len(store.rows()) == (5 if refused else 6)
    if refused:
        (row,) = rejected_rows(file)
        assert "the database" in row["reason"]


def test_two_runs_of_one_import_do_not_mix(store, tmp_path):
    """While an import runs, a second one of the same file stops instead of writing beside it."""
    file = write_csv(tmp_path / "a.csv", *(RECORD | {"membershipId": f"M{number}"} for number in range(2500)))
    begun = []

    def start_another(_, counts):
        if counts.position and not begun:
            begun.append(counts.position)
            store.load(file)

    with pytest.raises(ConfigurationError, match="Another process runs this import"):
        run_telling(store, file, start_another)
    assert begun
    assert len(store.rows()) == 2500
    assert store.unfinished_imports() == 0


def run_telling(store, file, tell):
    """Import a file, with somebody who listens."""
    ImportRun(store.engine, DOCUMENTED[MEMBERSHIP], file, ImportOptions(region="VN")).run(tell)
