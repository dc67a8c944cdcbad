"""An import that is killed: the same command goes on where it was, and in the end all is as if it had not happened."""

import json
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from records import MEMBERSHIP, rejected_rows, write_lines
from services import POSTGRESQL, Relay, postgresql_database
from sqlalchemy import select, update
from support import PATIENCE_SECONDS, PROVIDER, environment, eventually, provider

from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.entity_tables import TABLES
from provider.store.import_table import Import

ROWS = 12_000
HEADER = "membershipId,customerPhone,membershipIssuedAt,loyaltyPoint,customerName"


@pytest.fixture
def file(tmp_path):
    """Write a file in which every hundredth row has a mistake, and some keys come twice."""
    file = tmp_path / "members.csv"
    with file.open("w", encoding="utf-8") as output:
        output.write(f"{HEADER}\n")
        for number in range(ROWS):
            points = "many" if number % 100 == 0 else number
            output.write(
                f"M{number % 9_000},{'x' if number % 7 == 0 else '0901234567'},1584507164000,{points},Nguyễn\n"
            )
    return file


def stop_in_the_middle(folder, url, file, stop):
    """Start an import, and stop it in some way once some batches are in; give its exit code and what it said."""
    process = subprocess.Popen(
        [PROVIDER, "import", MEMBERSHIP, file],
        cwd=folder,
        env=environment(PROVIDER_DATABASE_URL=url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    rejected = file.with_name(f"{file.name}.rejected.csv")
    try:
        eventually(lambda: process.poll() is not None or (rejected.exists() and rejected.stat().st_size > 1500))
        stop(process)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
    return process.returncode, said.decode()


def contents(store):
    """Give all rows, but for when they came."""
    return [{**row, "stored_at": None, "row_id": None} for row in store.rows()]


def test_a_killed_import_goes_on(store, tmp_path, file):
    """Killed with -9 and run again, the tables, the rejected file and the summary are those of a run in one go."""
    whole = store.load(file)
    rejected = tmp_path / "members.csv.rejected.csv"
    expected, expected_rejected = contents(store), rejected.read_bytes()
    assert whole.rejected == len(rejected_rows(file)) == ROWS // 100
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM provider_customer_membership")
    rejected.unlink()

    assert stop_in_the_middle(tmp_path, store.url, file, subprocess.Popen.kill) == (-signal.SIGKILL, "")
    assert store.unfinished_imports() == 1
    with store.engine.connect() as connection:
        left = connection.execute(select(Import.__table__)).mappings().one()
    assert 0 < left["read"] < ROWS
    assert len(store.rows()) <= left["stored"]
    with rejected.open("ab") as output:
        output.write(b"what a batch wrote that was not committed\n")

    done = provider("import", MEMBERSHIP, str(file), "--json", cwd=tmp_path, PROVIDER_DATABASE_URL=store.url)
    assert done.stderr == f"Continuing at row {left['position'] + 1:,}.\n"
    summary = json.loads(done.stdout)
    assert summary["continuedAt"] == left["position"] + 1
    assert (summary["read"], summary["stored"], summary["rejected"]) == (ROWS, whole.stored, whole.rejected)
    assert (summary["reasons"], summary["warnings"]) == (whole.reasons, whole.warnings)
    assert contents(store) == expected
    assert rejected.read_bytes() == expected_rejected
    assert store.unfinished_imports() == 0


def test_another_file_or_reading_begins_anew(sqlite, tmp_path, file):
    """A file that was changed, or is read another way, is not gone on with; nor is one whose rejected file is gone."""
    stop_in_the_middle(tmp_path, sqlite.url, file, subprocess.Popen.kill)
    assert sqlite.load(file, time_format="%Y").read == ROWS
    assert sqlite.unfinished_imports() == 1
    (tmp_path / "members.csv.rejected.csv").unlink()
    counts = sqlite.load(file)
    assert len(rejected_rows(file)) == counts.rejected == ROWS // 100
    assert sqlite.unfinished_imports() == 0


def test_ctrl_c_says_how_to_go_on(sqlite, tmp_path, file):
    """Stopped by Ctrl-C, it says in one line how far it is and that the same command goes on."""
    code, said = stop_in_the_middle(tmp_path, sqlite.url, file, lambda process: process.send_signal(signal.SIGINT))
    assert code == 1
    assert re.fullmatch(r"Error: Stopped after row [\d,]+\. Run the same command again: .*\n", said)
    assert sqlite.load(file).read == ROWS


def test_a_server_that_goes_away_is_told(tmp_path, file):
    """When the database goes away in the middle, one line says so, and the same command goes on when it is back."""
    with Relay(POSTGRESQL) as relay, postgresql_database(relay.port) as url:
        settings = Settings(database_url=url)
        upgrade_database(settings)
        code, said = stop_in_the_middle(tmp_path, url, file, lambda _: relay.cut())
        assert code == 1
        assert re.fullmatch(r"Error: The provider database stopped answering \(.*\) after row [\d,]+\. .*\n", said)
        relay.mend()
        done = provider("import", MEMBERSHIP, str(file), "--json", cwd=tmp_path, PROVIDER_DATABASE_URL=url)
        assert done.stderr.startswith("Continuing at row ")
        assert json.loads(done.stdout)["read"] == ROWS


@pytest.mark.parametrize("_database", ["PostgreSQL", "MariaDB"], indirect=True)  # SQLite has one writer at a time
def test_an_import_that_gives_way_is_tried_again(store, tmp_path):
    """When the database ends a deadlock by giving up a batch, the batch is stored once the other one is done."""
    table = TABLES[MEMBERSHIP]
    record = {"customerPhone": "0901234567", "membershipIssuedAt": 1584507164000, "loyaltyPoint": 1}
    rows = [record | {"membershipId": f"M{number}"} for number in range(100)]
    store.load(write_lines(tmp_path / "old.jsonl", *rows))
    mended = [row | {"loyaltyPoint": 2} for row in (rows[0], rows[99])]
    with ThreadPoolExecutor() as pool:
        with store.engine.begin() as other:
            if other.dialect.name == "postgresql":
                other.exec_driver_sql("SET LOCAL deadlock_timeout = '1h'")  # it is the import that finds the deadlock
            # MariaDB gives up the one that has changed less.
            other.execute(update(table).where(table.c.membershipId != "M0").values(status="Active"))
            importing = pool.submit(store.load, write_lines(tmp_path / "new.jsonl", *mended))
            eventually(lambda: is_waiting(store.engine))
            other.execute(update(table).where(table.c.membershipId == "M0").values(status="Active"))
        counts = importing.result(timeout=PATIENCE_SECONDS)
    assert counts.stored == 2
    assert {record["membershipId"] for record in store.records() if record["loyaltyPoint"] == 2} == {"M0", "M99"}


def is_waiting(engine):
    """Tell whether a transaction in this database waits for a lock."""
    asked = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()",
        # MariaDB looks anew only when nobody asked for a tenth of a second.
        "mysql": "SELECT count(*), SLEEP(0.2) FROM information_schema.innodb_trx JOIN information_schema.processlist "
        "ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = database()",
    }[engine.dialect.name]
    with engine.connect() as connection:
        return connection.exec_driver_sql(asked).scalar()
