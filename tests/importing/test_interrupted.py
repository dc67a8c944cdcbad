"""An import that is killed: the same command goes on where it was, and in the end all is as if it had not happened."""

import json
import os
import signal
import subprocess

import pytest
from conftest import MEMBERSHIP, rejected_rows
from sqlalchemy import select
from support import PROVIDER, environment, eventually, provider

from provider.store.imports import Import

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


def kill_in_the_middle(folder, url, file, *options):
    """Start an import, and kill it with -9 once some batches are in."""
    process = subprocess.Popen(
        [PROVIDER, "import", MEMBERSHIP, file, *options],
        cwd=folder,
        env=environment(PROVIDER_DATABASE_URL=url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    rejected = file.with_name(f"{file.name}.rejected.csv")
    try:
        eventually(lambda: process.poll() is not None or (rejected.exists() and rejected.stat().st_size > 3000))
    finally:
        os.kill(process.pid, signal.SIGKILL)
        _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said


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

    kill_in_the_middle(tmp_path, store.url, file)
    assert store.bookmarks() == 1
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
    assert store.bookmarks() == 0


def test_another_file_or_reading_begins_anew(sqlite, tmp_path, file):
    """A file that was changed, or is read another way, is not gone on with; nor is one whose rejected file is gone."""
    kill_in_the_middle(tmp_path, sqlite.url, file)
    assert sqlite.load(file, time_format="%Y").read == ROWS
    assert sqlite.bookmarks() == 1
    (tmp_path / "members.csv.rejected.csv").unlink()
    tally = sqlite.load(file)
    assert len(rejected_rows(file)) == tally.rejected == ROWS // 100
    assert sqlite.bookmarks() == 0
