"""Failures of Pango, of the database or of a source: the push says how to resume it, and nothing is lost."""

import sqlite3
from contextlib import closing

import orjson
import pytest
from openpyxl import Workbook
from sqlalchemy import event

from provider.ingestion.push import backoff
from provider.ingestion.push.batches import Entries, RecordGroup
from provider.ingestion.push.outbox import BatchOutcomes, Outbox
from provider.ingestion.push.record_sources import FileSource
from provider.settings import Settings
from provider.store.provider_database import open_database

TYPE = "customer-membership"
MEMBERS = """CREATE TABLE m (n INTEGER);
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 600) INSERT INTO m SELECT n FROM c"""
QUERY = """SELECT 'M' || abs(CASE n WHEN {worst} THEN -9223372036854775807 - 1 ELSE n END) AS "membershipId",
1584507164000 AS "membershipIssuedAt", 'C1' AS "customerId" FROM m"""
"""A query that fails in the middle of its rows."""


@pytest.fixture
def _impatient(monkeypatch):
    """Give up after a hundredth of the usual time when nothing has worked yet."""
    monkeypatch.setattr(backoff, "GIVE_UP_SECONDS_AT_FIRST", backoff.GIVE_UP_SECONDS_AT_FIRST / 100)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("PROVIDER_PANGO_AUTH_URL", "http://127.0.0.1:1/"),
        ("PROVIDER_PANGO_INGEST_URL", "http://127.0.0.1:1/"),
        ("PROVIDER_PANGO_INGEST_URL", "http://{pango}/nowhere"),
    ],
)
def test_a_wrong_address_stops_it_soon(start_sender, make_members, setting, address):
    """When nothing has worked yet a push stops soon, and names the settings to check and how to resume."""
    sender = start_sender()
    wrong = {setting: address.format(pango=sender.pango.url.removeprefix("http://"))}
    done = sender.push(TYPE, "--file", sender.write(make_members(60)), "--json", fails=True, **wrong)
    summary = orjson.loads(done.stdout)
    assert (summary["records"], summary["accepted"], summary["done"]) == (60, 0, False)
    last = done.stderr.splitlines()[-1]
    assert "Check PROVIDER_PANGO_AUTH_URL and PROVIDER_PANGO_INGEST_URL." in last
    assert last.endswith(f"Go on with: provider push --resume {summary['id']}")
    assert sender.summary("--resume")["accepted"] == 60


def test_a_database_that_fails_is_told_with_the_way_on(start_sender, make_members):
    """A provider database that fails ends the push with the database's message, the summary, and how to resume."""
    sender = start_sender()
    sender.change(
        """CREATE TRIGGER full_disk BEFORE INSERT ON provider_batch WHEN (SELECT position FROM provider_push) > 500
        BEGIN SELECT RAISE(FAIL, 'disk is full'); END""",
        (),
    )
    name = sender.write(make_members(1100))
    done = sender.push(TYPE, "--file", name, "--json", fails=True)
    summary = orjson.loads(done.stdout)
    assert summary["done"] is False
    last = done.stderr.splitlines()[-1]
    assert "disk is full" in last
    assert last.endswith(f"Go on with: provider push --resume {summary['id']}")
    sender.change("DROP TRIGGER full_disk", ())
    sender.end_leases()
    assert sender.summary("--resume")["accepted"] == 1100
    assert sender.pango.stored(TYPE) == 1100


def test_a_query_that_fails_in_the_middle_can_be_resumed(start_sender, make_source):
    """A query that fails half-way ends the push with how to resume; one that fails at once leaves no push behind."""
    sender = start_sender()
    variables = {"PROVIDER_SOURCE_SHOP_URL": make_source(MEMBERS)["shop"]}
    for query in (QUERY.format(worst=1), "SELECT nothing"):
        sender.push(TYPE, "--sql", query, "--on", "shop", fails=True, **variables)
    assert sender.push("list", "--json").stdout == "[]\n"
    done = sender.push(TYPE, "--sql", QUERY.format(worst=550), "--on", "shop", "--json", fails=True, **variables)
    summary = orjson.loads(done.stdout)
    assert (summary["records"], summary["requests"], summary["done"]) == (500, 0, False)
    assert done.stderr.splitlines()[-1].endswith(f"Go on with: provider push --resume {summary['id']}")


@pytest.mark.parametrize(
    ("object_type", "name", "content"),
    [
        ("product", "p.jsonl", '{"refId": "P1"}\nthis is no JSON\n'),
        ("product", "p.csv", "refId,name\nP1,Pen\nP2\n"),
        (
            TYPE,
            "m.csv",
            "customerId,membershipId,membershipIssuedAt,phone\nC1,M1,1584507164000,\nC2,M2,1584507164000\n",
        ),
    ],
)
def test_what_was_no_record_is_never_sent(start_sender, object_type, name, content):
    """A row that could not be read stays a dead letter: it is no record, and `retry` does not send it."""
    sender = start_sender()
    (sender.folder / name).write_text(content)
    push_id = sender.summary(object_type, "--file", name)["id"]
    said = sender.push("retry", push_id).stdout
    assert "0 records are sent once more. 1 our own check refuses" in said
    assert sender.pango.stored(object_type) == 1
    [letter] = sender.push("dead", push_id, "--json").stdout.splitlines()
    assert orjson.loads(letter)["code"] == "Unreadable"


def test_a_resume_takes_no_other_options(start_sender, make_members):
    """--resume refuses options it would ignore: with --dry-run it would send."""
    sender = start_sender()
    name = sender.write(make_members(1))
    for other in (("--dry-run",), ("--file", name), ("--init-data",)):
        done = sender.push("--resume", *other, fails=True)
        assert f"Leave out {other[0]}: --resume goes on" in done.stderr


def test_an_excel_file_has_no_lines_to_expect(tmp_path):
    """The records of an Excel file are not counted by its line ends: it is compressed."""
    book = Workbook()
    book.active.append(["customerId"])
    book.save(tmp_path / "c.xlsx")
    (tmp_path / "c.csv").write_text("customerId\nC1\n")
    assert FileSource.of(tmp_path / "c.xlsx").lines is None
    assert FileSource.of(tmp_path / "c.csv").lines == 2


def test_what_was_pushed_is_in_no_file(start_sender):
    """When a push is done its records are in no file of a SQLite database, while another connection is open."""
    sender = start_sender()
    engine = open_database(Settings(database_url=sender.database))
    outbox = Outbox(engine)
    # Some builds of SQLite write over on their own.
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA secure_delete = OFF").close(), insert=True)
    with closing(sqlite3.connect(sender.folder / "provider.db")) as other:
        other.execute("SELECT count(*) FROM provider_push").fetchall()
        push_id = outbox.create_push("product", source={"kind": "stored"}, request={"callback": False})
        reader, _ = outbox.begin_reading(push_id, from_start=False)
        outbox.append(push_id, reader, RecordGroup(read=1, entries=[Entries(b'[{"phone":"0911222333"}]', 1)]))
        outbox.end_reading(push_id, reader)
        outbox.write_outcomes(
            push_id, BatchOutcomes(accepted=[(it, []) for it in outbox.claim(push_id, 1)], requests=1)
        )
        assert outbox.finish(push_id)
        contents = b"".join(file.read_bytes() for file in sender.folder.glob("provider.db*"))
    engine.dispose()
    assert b"SQLite format" in contents
    assert b"0911222333" not in contents
