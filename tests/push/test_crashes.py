"""Killed processes, several at once, signals: Pango has each record in the end, and the outbox agrees."""

import os
import pty
import random
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import orjson
import pytest
from support import PATIENCE_SECONDS, PROVIDER, environment, eventually

from provider.cli.push import progress
from provider.ingestion.push import backoff

TYPE = "customer-membership"
END_SECONDS = 120
"""How long a push may take to its end on a loaded machine."""
FAULTS = ("--fail-rate", "0.03", "--drop-rate", "0.03", "--malformed-rate", "0.03", "--latency", "60", "--seed", "1")


def wait_for_push(sender):
    """Wait until a push is in the outbox; give its id."""
    return eventually(lambda: orjson.loads(sender.push("list", "--json").stdout))[0]["id"]


def state(sender, push_id):
    """Read how far a push is."""
    return orjson.loads(sender.push("show", push_id, "--json").stdout)


def kill_while_it_reads(sender, process):
    """Kill a push after its first records, before the last one: it is kept from writing more until it is dead."""
    with closing(sqlite3.connect(sender.folder / "provider.db", timeout=10, isolation_level=None)) as connection:

        def has_begun():
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT position FROM provider_push").fetchone()[0]:
                return True
            connection.execute("ROLLBACK")
            return False

        eventually(has_begun)
        process.kill()
        process.communicate()


def test_killed_at_any_moment_nothing_is_lost(start_sender, make_members):
    """Killed again and again, with a Pango that fails and is killed too, resumed pushes end with every record there."""
    chance = random.Random(7)
    sender = start_sender(*FAULTS)
    name = sender.write(make_members(4000))
    process = sender.start(TYPE, "--file", name, "--workers", "4")
    push_id = wait_for_push(sender)
    for kills_pango in (False, True, False):
        time.sleep(chance.uniform(0.05, 0.8))
        process.kill()
        process.communicate()
        sender.end_leases()
        process = sender.start("--resume", push_id, "--workers", "4")
        if kills_pango:
            time.sleep(chance.uniform(0.8, 1.3))
            sender.pango.kill()
            sender.pango.start()
    out, err = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0, out + err
    shown = state(sender, push_id)
    assert (shown["records"], shown["accepted"], shown["dead"]) == (4000, 4000, 0)
    assert (shown["waiting"], shown["batches"]) == (0, 0)
    assert sender.pango.stored(TYPE) == 4000


def test_two_at_once_send_no_batch_twice(start_sender, make_members):
    """A push and two resumes of it at the same time read each record once, and send each batch once."""
    sender = start_sender(latency=0.1)
    first = sender.start(TYPE, "--file", sender.write(make_members(2000)), "--workers", "1")
    push_id = wait_for_push(sender)
    others = [sender.start("--resume", push_id, "--workers", "1") for _ in range(2)]
    for process in (first, *others):
        out, err = process.communicate(timeout=END_SECONDS)
        assert process.returncode == 0, out + err
    shown = state(sender, push_id)
    assert (shown["records"], shown["accepted"], shown["requests"]) == (2000, 2000, 40)
    assert sender.pango.stored(TYPE) == 2000
    assert sender.pango.ask(f"records/{TYPE}")["received"] == 2000


def test_a_signal_stops_it_and_says_how_to_resume(start_sender, make_members):
    """SIGTERM ends a push after the answers under way, with one line on how to resume it; then it is resumed."""
    sender = start_sender(latency=0.1)
    process = sender.start(TYPE, "--file", sender.write(make_members(2000)), "--workers", "1")
    push_id = wait_for_push(sender)
    eventually(lambda: state(sender, push_id)["accepted"])
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert err.splitlines()[-1].endswith(f"Go on with: provider push --resume {push_id}")
    stopped = state(sender, push_id)
    assert 0 < stopped["accepted"] < 2000
    assert sender.pango.stored(TYPE) == stopped["accepted"]
    assert sender.summary("--resume")["accepted"] == 2000
    assert sender.pango.stored(TYPE) == 2000


def test_a_second_signal_stops_it_at_once(start_sender, make_members):
    """A second Ctrl-C does not wait for answers: it ends the push at once, with one line on how to resume it."""
    sender = start_sender(latency=3 * PATIENCE_SECONDS)
    process = sender.start(TYPE, "--file", sender.write(make_members(50)))
    push_id = wait_for_push(sender)
    eventually(lambda: state(sender, push_id)["readAt"])
    process.send_signal(signal.SIGINT)
    assert "Once more" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert err.splitlines()[-1].endswith(f"Go on with: provider push --resume {push_id}")


def test_a_file_that_changed_is_not_read_on(start_sender, make_members):
    """A push whose file has changed is not resumed."""
    sender = start_sender(latency=0.1)
    name = sender.write(make_members(15000))
    process = sender.start(TYPE, "--file", name, "--workers", "1")
    push_id = wait_for_push(sender)
    eventually(lambda: state(sender, push_id)["accepted"])
    process.kill()
    process.communicate()
    assert state(sender, push_id)["readAt"] is None
    sender.write(make_members(15001))
    assert "has changed since this push began" in sender.push("--resume", fails=True).stderr


def test_a_query_is_read_to_its_end_first(start_sender, make_source):
    """A query whose reading was interrupted is read again from its beginning: nothing of it was sent."""
    sender = start_sender()
    [url] = make_source(
        """CREATE TABLE m (n INTEGER);
        WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 12000) INSERT INTO m SELECT n FROM c"""
    ).values()
    query = """SELECT 'M' || n AS "membershipId", 1584507164000 AS "membershipIssuedAt", 'C1' AS "customerId" FROM m"""
    process = sender.start(TYPE, "--sql", query, "--on", "shop", PROVIDER_SOURCE_SHOP_URL=url)
    push_id = wait_for_push(sender)
    kill_while_it_reads(sender, process)
    killed = state(sender, push_id)
    assert killed["readAt"] is None
    assert killed["requests"] == 0
    summary = sender.summary("--resume", PROVIDER_SOURCE_SHOP_URL=url)
    assert (summary["records"], summary["accepted"], summary["requests"]) == (12000, 12000, 240)
    assert sender.pango.stored(TYPE) == 12000
    assert sender.pango.ask(f"records/{TYPE}")["received"] == 12000


@pytest.fixture
def impatient(monkeypatch):
    """Give up on a Pango without tokens after a tenth of the usual time."""
    monkeypatch.setattr(backoff, "GIVE_UP_SECONDS_WITHOUT_TOKEN", backoff.GIVE_UP_SECONDS_WITHOUT_TOKEN / 10)


@pytest.mark.usefixtures("impatient")
def test_wrong_credentials_stop_it_soon(start_sender, make_members):
    """When Pango refuses a token, the push stops within seconds with Pango's message, and nothing is lost."""
    sender = start_sender()
    name = sender.write(make_members(120))
    done = sender.push(TYPE, "--file", name, fails=True, PROVIDER_PANGO_API_KEY="wrong")
    assert "Invalid username or apiKey" in done.stderr.splitlines()[-1]
    assert sender.summary("--resume")["accepted"] == 120
    assert sender.pango.stored(TYPE) == 120


@pytest.mark.usefixtures("impatient")
def test_a_callback_key_is_asked_for_again(start_sender, make_members):
    """A push that awaits callbacks needs their members again: they hold a key, which is not stored."""
    sender = start_sender()
    callback = ("--callback", '{"callbackResult": {"apiKey": "very secret"}}')
    name = sender.write(make_members(50))
    sender.push(TYPE, "--file", name, *callback, fails=True, PROVIDER_PANGO_API_KEY="wrong")
    assert "give --callback again" in sender.push("--resume", fails=True).stderr
    assert sender.summary("--resume", *callback)["accepted"] == 50


def test_progress_is_shown_while_it_runs(start_sender, make_members, monkeypatch):
    """Without a terminal, plain lines on standard error show the progress; standard output has the result alone."""
    monkeypatch.setattr(progress, "_PLAIN_SECONDS", 0.01)
    sender = start_sender(latency=0.05)
    done = sender.push(TYPE, "--file", sender.write(make_members(1000)), "--workers", "1", "--json")
    assert len(done.stdout.splitlines()) == 1
    lines = done.stderr.splitlines()
    assert len(lines) > 1
    assert all(re.fullmatch(r"[\d,]+ read, .* batches wait, [\d,]+ records/s(; .*)?", line) for line in lines)


def test_a_terminal_shows_the_progress_live(start_sender, make_members):
    """On a terminal one live line shows records, batches, rate and what the push waits for."""
    sender = start_sender(latency=0.1)
    name = sender.write(make_members(500))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROVIDER, "push", TYPE, "--file", name, "--workers", "1"],
        cwd=sender.folder,
        env=environment(**sender.variables, TERM="xterm", COLUMNS="140"),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the terminal is closed
        pass
    finally:
        os.close(ours)
    out, _ = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0
    assert b"500 accepted" in out
    assert b"of 500 records" in shown
    assert b"batches wait" in shown
