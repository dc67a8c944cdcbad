"""Record sources: what is stored of them with a push is read by every later release."""

import hashlib
import sqlite3
from contextlib import closing

import orjson
import pytest
from support import provider

from provider.ingestion.push.batches import Entries, RecordGroup
from provider.ingestion.push.record_sources import load_source

TYPE = "customer-membership"
REQUEST = {"members": {"source": "CRM"}, "initData": False, "callback": False}
QUERY = """SELECT code AS "membershipId", at AS "membershipIssuedAt", owner AS "customerId" FROM members"""
MEMBERS = """CREATE TABLE members (code TEXT PRIMARY KEY, at INTEGER, owner TEXT);
INSERT INTO members VALUES ('S1', 1584507164000, 'C9'), ('S2', 1584507164000, 'C9')"""
DATASET = """
from provider.dataset import TableDataset

dataset = TableDataset(
    name="member", source="shop", table="members", identifiers={"code": "code"},
    record={"membershipId": "code", "membershipIssuedAt": "at", "customerId": "owner"},
)
"""
STORED = [
    ({"kind": "file", "path": "/data/members.jsonl", "sha256": "ab" * 32, "lines": 3}, "file members.jsonl", 3),
    ({"kind": "file", "path": "/data/members.xlsx", "sha256": "ab" * 32, "lines": None}, "file members.xlsx", None),
    ({"kind": "stored", "since": None}, "stored", None),
    ({"kind": "stored", "since": "2026-01-31T00:00:00+07:00"}, "stored since 2026-01-31T00:00:00+07:00", None),
    ({"kind": "dataset", "names": ["member", "visit"]}, "dataset member, visit", None),
    ({"kind": "sql", "sql": "SELECT 1", "source": "crm"}, "SQL on crm", None),
]
"""What pushes have stored since the first release. Never change one: add another."""


@pytest.mark.parametrize(("stored", "described", "expected"), STORED)
def test_what_is_stored_is_understood(stored, described, expected):
    """A source is made from what was stored, and stores the same again; only a file is sent while it is read."""
    source = load_source(stored)
    assert source.dump() == stored
    assert (source.describe(), source.expected) == (described, expected)
    assert source.keeps_order == (stored["kind"] == "file")


@pytest.fixture
def resume(start_sender, make_source, make_package, open_outbox):
    """Store a push as an earlier release did, resume it, and give its summary and the sender."""
    sender = start_sender()
    variables = {
        "PROVIDER_SOURCE_SHOP_URL": make_source(MEMBERS)["shop"],
        "PROVIDER_DATASETS": make_package(member=DATASET),
    }

    def resume(stored, *, read=()):
        outbox = open_outbox(sender.database)
        push_id = outbox.create_push(TYPE, source=stored, request=REQUEST)
        if read:
            reader, _ = outbox.begin_reading(push_id, from_start=False)
            outbox.append(push_id, reader, RecordGroup(len(read), [Entries(orjson.dumps(read), len(read))]))
        return sender.summary("--resume", push_id, **variables)

    resume.sender = sender
    return resume


def test_a_push_of_a_file_begun_before_an_upgrade_reads_on(resume, make_members):
    """A push whose file was read half-way by an earlier release goes on after the last record that was read."""
    records = make_members(120)
    path = resume.sender.folder / resume.sender.write(records)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    stored = {"kind": "file", "path": str(path), "sha256": digest, "lines": 120}
    summary = resume(stored, read=records[:40])
    assert (summary["records"], summary["accepted"], summary["requests"], summary["done"]) == (120, 120, 3, True)
    assert resume.sender.pango.stored(TYPE) == 120
    assert resume.sender.pango.ask(f"records/{TYPE}")["received"] == 120


@pytest.mark.parametrize(
    "stored",
    [{"kind": "dataset", "names": ["member"]}, {"kind": "sql", "sql": QUERY, "source": "shop"}],
    ids=["dataset", "sql"],
)
def test_a_push_of_a_query_begun_before_an_upgrade_is_read_again(resume, make_members, stored):
    """A push whose query was read half-way by an earlier release is read again from its beginning."""
    summary = resume(stored, read=make_members(1))
    assert (summary["records"], summary["accepted"], summary["requests"], summary["done"]) == (2, 2, 1, True)
    assert resume.sender.pango.stored(TYPE) == 2


def test_a_push_of_stored_records_begun_before_an_upgrade_is_read_again(resume, make_members):
    """A push of the entity's own table by an earlier release is read again from its beginning."""
    name = resume.sender.write(make_members(3))
    provider("import", TYPE, name, cwd=resume.sender.folder)
    summary = resume({"kind": "stored", "since": None}, read=make_members(1, 7))
    assert (summary["records"], summary["accepted"], summary["done"]) == (3, 3, True)


def test_a_push_stores_its_source(start_sender, make_members):
    """What a push of today stores of its source has the same members."""
    sender = start_sender()
    name = sender.write(make_members(2))
    sender.push(TYPE, "--file", name)
    with closing(sqlite3.connect(sender.folder / "provider.db")) as connection:
        [(origin,)] = connection.execute("SELECT origin FROM provider_push")
    path = sender.folder / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert orjson.loads(origin) == {"kind": "file", "path": str(path.resolve()), "sha256": digest, "lines": 2}
