"""The outbox on every database: what is claimed is one sender's, what is answered counts once, one reads at a time."""

import threading
import time
from contextlib import suppress

import orjson
import pytest
import time_machine
from services import mariadb_database, postgresql_database
from support import NOON

from provider.cli.db import upgrade_database
from provider.errors import ConfigurationError
from provider.ingestion.inbound.callbacks import count_results
from provider.ingestion.push.batches import Entries, RecordGroup, RejectedRecord, halve
from provider.ingestion.push.dead_letters import requeue_dead_letters
from provider.ingestion.push.outbox import LEASE_SECONDS, BatchOutcomes
from provider.settings import Settings
from provider.store.provider_database import open_database

REQUEST = {"members": {}, "initData": False, "callback": True}


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL", "MariaDB"])
def url(request, tmp_path_factory):
    """Give a provider database. Each test has a push of its own in it."""
    if request.param == "SQLite":
        address = f"sqlite:///{tmp_path_factory.mktemp('outbox')}/provider.db"
        upgrade_database(Settings(database_url=address))
        yield address
    else:
        with postgresql_database() if request.param == "PostgreSQL" else mariadb_database() as address:
            upgrade_database(Settings(database_url=address))
            yield address


@pytest.fixture
def outbox(url, open_outbox):
    """Open the outbox of the database."""
    return open_outbox(url)


def begin(outbox, batches=0):
    """Make a push with batches of two records; give its id and its reader."""
    push_id = outbox.create_push("product", source={"kind": "stored"}, request=REQUEST)
    reader, _ = outbox.begin_reading(push_id, from_start=False)
    entries = [Entries(b'[{"refId":"%d"},{"refId":"b%d"}]' % (number, number), 2) for number in range(batches)]
    assert outbox.append(push_id, reader, RecordGroup(read=2 * batches, entries=entries))
    return push_id, reader


def test_two_senders_never_have_the_same_batch(url, outbox, open_outbox):
    """However many claim at once, each batch is claimed once, and with exactly what was appended."""
    push_id, _ = begin(outbox, 120)
    claimed = []

    def claim(own):
        while some := own.claim(push_id, 7):
            claimed.extend(some)

    threads = [threading.Thread(target=claim, args=(open_outbox(url),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({batch.id for batch in claimed}) == len(claimed) == 120
    assert {bytes(batch.payload) for batch in claimed} == {
        b'[{"refId":"%d"},{"refId":"b%d"}]' % (number, number) for number in range(120)
    }


def test_a_dead_sender_leaves_its_batches_to_others(outbox):
    """A lease ends by itself unless it is extended; a batch that is given back is free at once."""
    push_id, _ = begin(outbox, 3)
    with time_machine.travel(NOON, tick=False) as clock:
        outbox.release(push_id, outbox.claim(push_id, 3))
        clock.shift(LEASE_SECONDS + 1)
        first, second, third = outbox.claim(push_id, 3)
        assert outbox.claim(push_id, 3) == []
        outbox.release(push_id, [third])
        assert outbox.claim(push_id, 3) == [third]
        clock.shift(LEASE_SECONDS - 1)
        outbox.extend_leases(push_id, [second, third])
        clock.shift(2)
        assert outbox.claim(push_id, 3) == [first]


def test_an_answer_counts_once(url, outbox):
    """A batch two senders had is counted once, and its payload is gone with the first answer."""
    push_id, reader = begin(outbox, 2)
    first, second = outbox.claim(push_id, 2)
    outbox.write_outcomes(push_id, BatchOutcomes(accepted=[(first, ["0", "b0"])], requests=1))
    outbox.write_outcomes(
        push_id, BatchOutcomes(accepted=[(first, ["0", "b0"]), (second, ["1", "b1", "0"])], requests=2)
    )
    push = outbox.get_push(push_id)
    assert (push["accepted"], push["requests"], outbox.count_waiting(push_id)) == (4, 3, (0, 0))
    engine = open_database(Settings(database_url=url))
    with engine.connect() as connection:
        assert count_results(connection, push_id).unanswered == 4
    engine.dispose()
    assert not outbox.finish(push_id)
    assert outbox.end_reading(push_id, reader)
    assert outbox.finish(push_id)
    assert outbox.get_push(push_id)["finished_at"]


def test_a_late_answer_does_not_end_another_batch(outbox):
    """A second answer about a batch that is gone leaves the batches that came after it alone."""
    push_id, reader = begin(outbox, 1)
    [batch] = outbox.claim(push_id, 1)
    accepted = BatchOutcomes(accepted=[(batch, [])], requests=1)
    outbox.write_outcomes(push_id, accepted)
    outbox.append(push_id, reader, RecordGroup(read=1, entries=[Entries(b'[{"refId":"new"}]', 1)]))
    outbox.write_outcomes(push_id, accepted)
    assert (outbox.get_push(push_id)["accepted"], outbox.count_waiting(push_id)) == (2, (1, 1))


def test_halves_replace_a_batch_and_the_last_dies(outbox):
    """A refused batch becomes two in one go; one of a single record becomes a dead letter, and can be revived."""
    push_id, _ = begin(outbox, 1)
    [batch] = outbox.claim(push_id, 1)
    halves = [Entries(b'[{"refId":"0"}]', 1), Entries(b'[{"refId":"b0"}]', 1)]
    outbox.write_outcomes(push_id, BatchOutcomes(halved=[(batch, halves)], requests=1))
    assert outbox.count_waiting(push_id) == (2, 2)
    [bad] = outbox.claim(push_id, 1)
    letter = RejectedRecord(b'{"refId":"0"}', "0", "C", "not so")
    outbox.write_outcomes(push_id, BatchOutcomes(dead=[(bad, letter)], requests=1))
    [row] = outbox.dead_letters(push_id)
    assert (row["ref_id"], row["code"], row["message"]) == ("0", "C", "not so")
    assert (outbox.get_push(push_id)["dead"], outbox.count_waiting(push_id)) == (1, (1, 1))
    outbox.requeue(push_id, [row["id"]], [Entries(b'[{"refId":"0"}]', 1)])
    assert (outbox.get_push(push_id)["dead"], outbox.count_waiting(push_id)) == (0, (2, 2))


def test_a_batch_is_halved_once(outbox):
    """Two senders whose answers refuse the same batch halve it once: no record is in two batches."""
    push_id, _ = begin(outbox, 1)
    [batch] = outbox.claim(push_id, 1)
    refused = BatchOutcomes(halved=[(batch, halve(batch.payload))], requests=1)
    for _ in range(2):
        outbox.write_outcomes(push_id, refused)
    assert outbox.count_waiting(push_id) == (2, 2)
    first, second = outbox.claim(push_id, 5)
    assert [bytes(half.payload) for half in (first, second)] == [b'[{"refId":"0"}]', b'[{"refId":"b0"}]']
    dead = BatchOutcomes(dead=[(first, RejectedRecord(b'{"refId":"0"}', "0", "C", "not so"))])
    for _ in range(2):
        outbox.write_outcomes(push_id, dead)
    assert (outbox.get_push(push_id)["dead"], outbox.count_waiting(push_id)) == (1, (1, 1))
    assert len(list(outbox.dead_letters(push_id))) == 1


def bury(outbox, count):
    """Make a push of dead letters; give its id."""
    push_id, reader = begin(outbox)
    letters = [RejectedRecord(b'{"refId":"%d"}' % number, str(number), "C", "no") for number in range(count)]
    assert outbox.append(push_id, reader, RecordGroup(read=count, rejected=letters))
    return push_id


def test_a_dead_letter_is_requeued_once(outbox):
    """A retry whose dead letters another one has put back changes nothing, and says so."""
    push_id = bury(outbox, 3)
    ids = [row["id"] for row in outbox.dead_letters(push_id)]
    entries = [Entries(b'[{"refId":"0"},{"refId":"1"}]', 2)]
    outbox.requeue(push_id, ids[:2], entries)
    with pytest.raises(ConfigurationError, match="is retrying push"):
        outbox.requeue(push_id, ids, [Entries(b'[{"refId":"0"},{"refId":"1"},{"refId":"2"}]', 3)])
    assert (outbox.get_push(push_id)["dead"], outbox.count_waiting(push_id)) == (1, (1, 2))
    assert [row["id"] for row in outbox.dead_letters(push_id)] == ids[2:]


def test_two_retries_at_once_send_nothing_twice(url, outbox, open_outbox):
    """However two retries of a push run into each other, each of its records waits in exactly one batch."""
    push_id = bury(outbox, 1200)
    start = threading.Barrier(2)

    def retry(own):
        start.wait()
        with suppress(ConfigurationError):
            requeue_dead_letters(own, push_id, "product")

    threads = [threading.Thread(target=retry, args=(open_outbox(url),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = [entry["refId"] for batch in outbox.claim(push_id, 100) for entry in orjson.loads(batch.payload)]
    dead = [row["ref_id"] for row in outbox.dead_letters(push_id)]
    assert sorted([*waiting, *dead]) == sorted(map(str, range(1200)))
    assert outbox.get_push(push_id)["dead"] == len(dead)


def test_what_failed_comes_later(outbox):
    """A batch that failed is due when it is said to be, and remembers how often it was tried."""
    with time_machine.travel(NOON, tick=False) as clock:
        push_id, _ = begin(outbox, 1)
        [batch] = outbox.claim(push_id, 1)
        outbox.write_outcomes(push_id, BatchOutcomes(later=[(batch, time.time() + 60, True, "no")]))
        assert outbox.claim(push_id, 1) == []
        clock.shift(61)
        [again] = outbox.claim(push_id, 1)
        assert (again.id, again.attempts, again.payload) == (batch.id, 1, batch.payload)


def test_only_the_last_reader_appends(outbox):
    """A new reader goes on where the one before was; the one before can append no more."""
    push_id, first = begin(outbox, 5)
    second, skip = outbox.begin_reading(push_id, from_start=False)
    assert skip == 10
    assert not outbox.append(push_id, first, RecordGroup(read=2, entries=[Entries(b"[{}]", 1)]))
    assert not outbox.end_reading(push_id, first)
    assert outbox.append(push_id, second, RecordGroup(read=2, rejected=[RejectedRecord(b"{}", None, "Invalid", "no")]))
    assert (outbox.get_push(push_id)["position"], outbox.get_push(push_id)["dead"]) == (12, 1)
    third, skip = outbox.begin_reading(push_id, from_start=True)
    assert skip == 0
    assert (outbox.get_push(push_id)["position"], outbox.get_push(push_id)["dead"], outbox.count_waiting(push_id)) == (
        0,
        0,
        (0, 0),
    )
    assert outbox.end_reading(push_id, third)


def test_answers_and_appends_at_once_do_not_lock_each_other_out(url, outbox, open_outbox):
    """Two processes that append, claim and record at the same time lose nothing and wait for each other in order."""
    push_id, reader = begin(outbox)
    failures = []

    def work(own):
        try:
            for _ in range(25):
                own.append(push_id, reader, RecordGroup(read=1, entries=[Entries(b'[{"refId":"1"}]', 1)]))
                own.write_outcomes(
                    push_id, BatchOutcomes(accepted=[(it, ["1"]) for it in own.claim(push_id, 3)], requests=1)
                )
        except Exception as error:  # noqa: BLE001 -- told to the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(open_outbox(url),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    push = outbox.get_push(push_id)
    assert push["position"] == push["accepted"] == 100
