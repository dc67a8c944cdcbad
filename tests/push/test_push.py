"""Pushing: what a file, a table or a query holds is what Pango has afterwards, and the summary says so."""

from datetime import datetime

import orjson
import pytest

from provider.contract.entities import ENTITIES
from provider.settings import Settings
from provider.store.entity_tables import TABLES, row_of
from provider.store.provider_database import open_database

TYPE = "customer-membership"


def test_pango_has_what_the_file_has(start_sender, make_members):
    """All records of a file arrive as they are, at most 50 in a request."""
    sender = start_sender()
    records = make_members(220)
    summary = sender.summary(TYPE, "--file", sender.write(records))
    assert summary.pop("seconds") > 0
    assert summary.pop("id")
    assert summary == {"records": 220, "accepted": 220, "dead": 0, "requests": 5, "done": True}
    assert sender.pango.stored(TYPE) == 220
    assert sender.pango.ask(f"records/{TYPE}/M219") == records[219]


def test_a_csv_file_is_read_as_import_does(start_sender):
    """The headers of a CSV file are the fields, and its text becomes what they hold."""
    sender = start_sender()
    (sender.folder / "m.csv").write_text(
        "customerId,membershipId,membershipIssuedAt\nC1,M1,2020-03-18T11:52:44+07:00\n"
    )
    assert sender.summary(TYPE, "--file", "m.csv")["accepted"] == 1
    assert sender.pango.stored(TYPE) == 1
    assert sender.pango.ask(f"records/{TYPE}/M1")["membershipIssuedAt"] == 1584507164000


def test_what_a_query_finds_is_pushed(start_sender, make_source):
    """--sql pushes the rows of a query whose columns are named like the fields, percent signs and colons included."""
    sender = start_sender()
    rows = [("INSERT INTO m VALUES (?, ?)", (f"M{number}%", 1584507164000)) for number in range(120)]
    [url] = make_source("CREATE TABLE m (code TEXT, at INTEGER)", *rows).values()
    columns = """code AS "membershipId", at AS "membershipIssuedAt", 'C:a' AS "customerId\""""
    query = f"SELECT {columns} FROM m WHERE code LIKE 'M%'"
    summary = sender.summary(TYPE, "--sql", query, "--on", "shop", PROVIDER_SOURCE_SHOP_URL=url)
    assert (summary["records"], summary["accepted"], summary["requests"]) == (120, 120, 3)
    assert sender.pango.stored(TYPE) == 120


def test_the_rows_of_a_dataset_are_pushed(start_sender, make_source, make_package):
    """--dataset pushes every row of a dataset over a table: its record's fields, converted as it says."""
    sender = start_sender()
    rows = [
        ("INSERT INTO m VALUES (?, ?, ?)", (f"M{number}", "2020-03-18 11:52:44", number % 2)) for number in range(60)
    ]
    [url] = make_source("CREATE TABLE m (code TEXT PRIMARY KEY, at DATETIME, gone INTEGER)", *rows).values()
    package = make_package(
        member="""
        from provider.dataset import Constant, Field, TableDataset

        dataset = TableDataset(
            name="member", source="shop", table="m", identifiers={"code": "code"}, where={"gone": 0},
            record={"membershipId": "code", "membershipIssuedAt": "at", "customerId": Constant("C1")},
        )
        """
    )
    variables = {"PROVIDER_SOURCE_SHOP_URL": url, "PROVIDER_DATASETS": package}
    assert sender.summary(TYPE, "--dataset", "member", **variables)["accepted"] == 30
    assert sender.pango.stored(TYPE) == 30
    assert sender.pango.ask(f"records/{TYPE}/M0")["membershipIssuedAt"] == 1584507164000


def test_what_is_stored_is_pushed(start_sender, make_members):
    """--stored pushes the records of the entity's own table as they came, --since those stored since."""
    sender = start_sender()
    entity = ENTITIES[TYPE]
    engine = open_database(Settings(database_url=sender.database))
    with engine.begin() as connection:
        for day, some in (("2026-01-01", make_members(60)), ("2026-02-01", make_members(30, 60))):
            now = datetime.fromisoformat(f"{day}T12:00:00+00:00")
            rows = [row_of(entity, {**record, "own": "kept"}, region="VN", now=now) for record in some]
            connection.execute(TABLES[TYPE].insert(), rows)
    engine.dispose()
    assert sender.summary(TYPE, "--stored", "--since", "2026-01-15")["accepted"] == 30
    assert sender.pango.stored(TYPE) == 30
    assert sender.summary(TYPE, "--stored")["accepted"] == 90
    assert sender.pango.stored(TYPE) == 90
    assert sender.pango.ask(f"records/{TYPE}/M0") == {**make_members(1)[0], "own": "kept"}


def test_a_pango_that_limits_is_waited_for(start_sender, make_members):
    """What Pango limits is sent again when it says, and does not count as a failure."""
    sender = start_sender(limit=0.2)
    summary = sender.summary(TYPE, "--file", sender.write(make_members(500)))
    assert (summary["accepted"], summary["done"]) == (500, True)
    assert summary["requests"] > 10
    assert sender.pango.stored(TYPE) == 500


def test_an_invalid_record_is_dead_at_once(start_sender, make_members):
    """A record our check refuses goes to the dead letters, with its row and why; the others are sent."""
    sender = start_sender()
    records = make_members(60)
    del records[7]["membershipId"]
    summary = sender.summary(TYPE, "--file", sender.write(records))
    assert (summary["accepted"], summary["dead"], summary["requests"]) == (59, 1, 2)
    [dead] = sender.push("dead", summary["id"], "--json", "--payload").stdout.splitlines()
    letter = orjson.loads(dead)
    assert letter.pop("record") == records[7]
    assert letter == {"ref": None, "code": "Invalid", "message": "row 8: membershipId is missing"}


def test_one_bad_record_does_not_sink_its_batch(start_sender):
    """A refused batch is halved until the record at fault is alone: it is dead, and all others are stored."""
    sender = start_sender()
    records = [{"refId": f"P{number}", "name": "Bút"} for number in range(50)]
    records[33] = {}
    summary = sender.summary("product", "--file", sender.write(records))
    assert (summary["records"], summary["accepted"], summary["dead"]) == (50, 49, 1)
    assert summary["requests"] <= 1 + 2 * 6
    assert sender.pango.stored("product") == 49
    [dead] = sender.push("dead", summary["id"], "--json").stdout.splitlines()
    assert orjson.loads(dead) == {"ref": None, "code": "MISSING_INFO", "message": "Invalid value of: entries"}


def test_dead_letters_are_sent_once_more(start_sender, open_outbox):
    """`retry` sends the dead letters again: what Pango takes by now is accepted, the rest is dead again."""
    sender = start_sender()
    records = [{"refId": f"P{number}"} for number in range(10)]
    records[2] = records[5] = {}
    push_id = sender.summary("product", "--file", sender.write(records))["id"]
    mended = next(open_outbox(sender.database).dead_letters(push_id))["id"]
    sender.change("UPDATE provider_dead_letter SET payload = ? WHERE id = ?", (b'{"refId":"P2"}', mended))
    summary = sender.summary("retry", push_id)
    assert (summary["records"], summary["accepted"], summary["dead"], summary["done"]) == (10, 9, 1, True)
    assert sender.pango.stored("product") == 9


def test_retry_leaves_what_would_be_invalid_again(start_sender, make_members):
    """`retry` does not send what our own check refuses."""
    sender = start_sender()
    records = [{**make_members(1)[0], "membershipId": ""}]
    summary = sender.summary(TYPE, "--file", sender.write(records))
    assert sender.summary("retry", summary["id"])["dead"] == 1
    assert sender.pango.stored(TYPE) == 0


def test_a_dry_run_sends_and_keeps_nothing(start_sender, make_members):
    """--dry-run shows the first request as it would go out, without secrets, and neither sends nor writes."""
    sender = start_sender()
    name = sender.write(make_members(80))
    callback = '{"callbackResult": {"endpoint": "https://us.example", "apiKeys": ["very secret"]}}'
    shown = sender.push(
        TYPE, "--file", name, "--dry-run", "--source", "CRM", "--init-data", "--je-config-id", "J1",
        "--ignored-update-cf", "customField01", "--callback", callback,
    ).stdout  # fmt: skip
    head, body = shown.split("\n\n")
    address, *headers = head.splitlines()
    assert address == f"POST {sender.variables['PROVIDER_PANGO_INGEST_URL']}?initData=true"
    assert {"TOKEN: ***", "API_KEY: ***", "Content-Type: application/json"} == set(headers)
    assert orjson.loads(body) == {
        "objectType": TYPE,
        "source": "CRM",
        "jeConfigId": "J1",
        "entries": make_members(50),
        "ignoredUpdateCfs": ["customField01"],
        "callbackResult": {"endpoint": "https://us.example", "apiKeys": "***"},
    }
    assert "very secret" not in shown
    assert sender.push("list", "--json").stdout == "[]\n"
    assert sender.pango.ask(f"records/{TYPE}")["count"] == 0


def test_what_callbacks_said_is_counted(start_sender, make_members):
    """`show` counts the records that callbacks say are stored, failed, and those without a result."""
    sender = start_sender()
    callback = ("--callback", '{"callbackResult": {"apiKey": "very secret"}}')
    push_id = sender.summary(TYPE, "--file", sender.write(make_members(70)), *callback)["id"]
    said = "INSERT INTO provider_callback_result (ref_id, status, received_at) VALUES (?, ?, '2100-01-01 00:00:00')"
    sender.change(said, ("M1", 200), ("M2", 200), ("M3", 101), ("of another", 200))
    shown = orjson.loads(sender.push("show", push_id, "--json").stdout)
    assert shown["callbacks"] == {"stored": 2, "failed": 1, "unanswered": 67}
    assert (shown["accepted"], shown["waiting"], shown["batches"]) == (70, 0, 0)
    shown = sender.push("show", push_id, "--failed").stdout
    assert "2 stored, 1 failed, 67 unanswered" in shown
    assert "    M3  101\n" in shown
    assert b"very secret" not in (sender.folder / "provider.db").read_bytes()


def test_settings_that_are_missing_are_named(start_sender, make_members):
    """Without the settings of Pango one line says which is missing, and nothing is kept."""
    sender = start_sender()
    name = sender.write(make_members(1))
    missing = {"PROVIDER_PANGO_AUTH_URL": "", "PROVIDER_PANGO_INGEST_URL": ""}
    [line] = sender.push(TYPE, "--file", name, fails=True, **missing).stderr.splitlines()
    assert line.startswith("Error: PROVIDER_PANGO_AUTH_URL is not set")
    assert sender.push("list", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((TYPE,), "one of --file, --stored, --dataset and --sql"),
        ((TYPE, "--file", "m.jsonl", "--stored"), "one of --file, --stored, --dataset and --sql"),
        ((TYPE, "--file", "none.jsonl"), "none.jsonl"),
        ((TYPE, "--sql", "SELECT 1"), "--sql and --on belong together"),
        ((TYPE, "--dataset", "nothing"), "no dataset 'nothing'"),
        (("customer-nothing", "--stored"), "No customer-nothing is stored here"),
        (("--json",), "Say what to push"),
        (("--resume",), "Every push is done"),
        (("show", "nothing"), "no push 'nothing'"),
        (("x" * 65, "--file", "m.jsonl"), "at most 64 characters"),
        ((TYPE, "--file", "m.jsonl", "--callback", "{"), "write a JSON object"),
        ((TYPE, "--file", "m.jsonl", "--callback", '{"entries": 1}'), "leave out entries"),
    ],
)
def test_a_mistake_is_explained(start_sender, arguments, said):
    """A command that makes no sense says what to write, and leaves no push behind."""
    sender = start_sender()
    (sender.folder / "m.jsonl").write_text('{"refId": "1"}\n')
    assert said in sender.push(*arguments, fails=True).stderr
    assert sender.push("list", "--json").stdout == "[]\n"


def test_a_type_nobody_knows_is_sent_with_a_warning(start_sender):
    """A type we do not know is sent unchecked, and a likely slip is pointed out."""
    sender = start_sender()
    done = sender.push("customer-identiy", "--file", sender.write([{"refId": "1"}]))
    assert "Did you mean customer-identity?" in done.stderr
    assert "1 accepted" in done.stdout
