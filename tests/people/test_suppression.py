"""A suppressed person is answered as if nobody matched, by every dataset and every worker."""

from types import SimpleNamespace

import pytest
from households import HUNG, LAN
from services import POSTGRESQL, Relay, postgresql_database, require
from sqlalchemy import event, select
from support import EMAIL, PHONE, SECRET_KEY, VOUCHER, failure, record

from provider.auth.callers import CACHE_SECONDS
from provider.cli.db import upgrade_database
from provider.errors import ConfigurationError
from provider.records.people import suppression
from provider.records.people.identifiers import Person
from provider.records.people.suppression import (
    IdentifierHasher,
    Suppressions,
    restore_person,
    suppress_person,
    suppressed_since,
)
from provider.settings import Settings
from provider.store.suppression_table import Suppression

DEE = Person(phones=frozenset({"+84359677657"}), emails=frozenset({EMAIL}))


@pytest.fixture
def clock(monkeypatch):
    """Give the monotonic clock of the workers' memory by hand."""
    hand = SimpleNamespace(now=1000.0)
    hand.monotonic = lambda: hand.now
    monkeypatch.setattr(suppression, "time", hand)
    return hand


def test_a_source_answers_as_if_nobody_matched(book, database_url, deploy, clock, hasher):
    """A partner's own table serves nobody suppressed, by any identifier in any form, and serves them again after."""
    deployment = deploy(database_url=database_url)
    client = deployment.asking(deployment.issue().api_key)
    nobody = client.get("/v1/data/voucher?phone=0900000001").data
    assert record(client.get(f"/v1/data/voucher?phone={PHONE}")) == VOUCHER
    assert suppress_person(book.engine, hasher, DEE) == 2
    clock.now += CACHE_SECONDS
    for path in ("/v1/data/voucher", "/v1/data/customer"):
        for sent in ({"phone": PHONE}, {"phone": "+84 359 677 657"}, {"email": "Dee@ByteTech.io"},
                     {"phone": "0900000001", "email": EMAIL}):  # fmt: skip
            for answer in (client.get(path, query_string=sent), client.post(path, json=sent)):
                failure(answer, "NotFound", 200)
                assert answer.data == nobody
    assert restore_person(book.engine, hasher, DEE) == 2
    clock.now += CACHE_SECONDS
    assert record(client.get(f"/v1/data/voucher?phone={PHONE}")) == VOUCHER


def test_a_second_worker_follows_in_time(book, database_url, deploy, clock, hasher):
    """A worker that remembers nobody suppressed follows after CACHE_SECONDS at most, and restores as late."""
    first, second = deploy(database_url=database_url), deploy(database_url=database_url)
    key = first.issue().api_key
    workers = [first.asking(key), second.asking(key)]
    suppress_person(book.engine, hasher, DEE)
    clock.now += CACHE_SECONDS - 0.1
    for worker in workers:
        assert record(worker.get(f"/v1/data/voucher?phone={PHONE}")) == VOUCHER
    clock.now += 0.1
    for worker in workers:
        failure(worker.get(f"/v1/data/voucher?phone={PHONE}"), "NotFound", 200)
    restore_person(book.engine, hasher, DEE)
    clock.now += CACHE_SECONDS
    for worker in workers:
        assert record(worker.get(f"/v1/data/voucher?phone={PHONE}")) == VOUCHER


def test_a_worker_knows_from_its_start(small_book, deploy, hasher):
    """Whoever is suppressed when a worker starts is never served by it."""
    suppress_person(small_book.engine, hasher, DEE)
    deployment = deploy()
    client = deployment.asking(deployment.issue().api_key)
    failure(client.get(f"/v1/data/voucher?email={EMAIL}"), "NotFound", 200)


def test_a_miss_is_as_the_deployment_says(small_book, deploy, hasher):
    """Where a miss is an empty success, so is somebody suppressed."""
    suppress_person(small_book.engine, hasher, DEE)
    deployment = deploy(miss="empty")
    client = deployment.asking(deployment.issue().api_key)
    assert record(client.get(f"/v1/data/voucher?email={EMAIL}")) == {}


def test_a_call_is_still_understood_first(small_book, deploy, hasher):
    """What is wrong with a call is said whoever it asks for."""
    suppress_person(small_book.engine, hasher, DEE)
    deployment = deploy()
    client = deployment.asking(deployment.issue().api_key)
    failure(client.get(f"/v1/data/voucher?email={EMAIL}&phone=12"), "InvalidPhone", 400)


SHOP = "CREATE TABLE t (mobile TEXT, mail TEXT, code TEXT, customer TEXT); INSERT INTO t VALUES {row};"
DATASET = """
from provider.dataset import TableDataset

identifiers = {{"memberCode": "code", "customerId": "customer"}}
dataset = TableDataset(name="card", source="shop", table="t", identifiers=identifiers, record={record})
"""


@pytest.mark.parametrize("shown", ["phone", "customerPhone", "email", "customerId", None])
def test_a_record_that_tells_whose_it_is(small_book, deploy, hasher, make_source, make_package, shown):
    """By a member code nobody is served whose record shows a suppressed identifier, seen by the caller or not."""
    columns = {"phone": "mobile", "customerPhone": "mobile", "email": "mail", "customerId": "customer"}
    fields = {"code": "code"} | ({shown: columns[shown]} if shown else {})
    sources = make_source(SHOP.format(row="('0359 677 657', 'DEE@bytetech.io', 'M1', 'C1')"))
    suppress_person(small_book.engine, hasher, Person(DEE.phones, DEE.emails, frozenset({"C1"})))
    datasets = make_package(card=DATASET.format(record=fields))
    deployment = deploy(sources=sources, datasets=datasets)
    for issued in (deployment.issue(), deployment.clients.create("narrow", {}, grants={"card": {"code": None}})):
        client = deployment.asking(issued.api_key)
        answer = client.get("/v1/data/card?memberCode=M1")
        if shown:
            failure(answer, "NotFound", 200)
        else:
            assert record(answer) == {"code": "M1"}  # nothing tells who this is
        failure(client.get("/v1/data/card?customerId=C1"), "NotFound", 200)


def test_kinds_of_identifiers_are_told_apart(hasher):
    """A customer id that reads like somebody's phone suppresses nobody's phone."""
    number = "+84359677657"
    assert len(hasher.digests(Person(frozenset({number}), frozenset({number}), frozenset({number})))) == 3


def test_an_outage_serves_nobody_again(clock, hasher, open_book):
    """While the provider database is away those who were suppressed stay it, and one query waits for it, not each."""
    require("PostgreSQL", POSTGRESQL)
    with Relay(POSTGRESQL) as line, postgresql_database(line.port) as url:
        upgrade_database(Settings(database_url=url))
        book = open_book(url)
        suppress_person(book.engine, hasher, DEE)
        reader = Suppressions(book.engine, SECRET_KEY.encode(), region="VN")
        before = reader.current()
        asked = []
        event.listen(book.engine, "do_connect", lambda *_: asked.append(1))
        line.cut()
        clock.now += CACHE_SECONDS
        assert reader.current() is before
        assert reader.current() is before
        assert len(asked) == 1
        line.mend()
        assert restore_person(book.engine, hasher, DEE) == 2
        assert reader.current() is before
        clock.now += CACHE_SECONDS
        assert reader.current() is None
        book.engine.dispose()


def test_nobody_suppressed_costs_nothing(small_book, clock):
    """With nobody suppressed nothing is hashed, and the database is asked once in CACHE_SECONDS at most."""
    asked = []
    reader = Suppressions(small_book.engine, SECRET_KEY.encode(), region="VN")
    event.listen(small_book.engine, "before_cursor_execute", lambda *_: asked.append(1))
    for _ in range(100):
        clock.now += CACHE_SECONDS / 50
        assert reader.current() is None
    assert len(asked) in {1, 2}


def test_no_identifier_is_at_rest(small_book, hasher, tmp_path):
    """The files of the database have only keyed hashes: no identifier, no plain hash of one, and no key."""
    suppress_person(small_book.engine, hasher, LAN.person)
    with small_book.engine.connect() as connection:
        digests = set(connection.scalars(select(Suppression.digest)))
    assert digests == {*hasher.digests(LAN.person), hasher.key_digest}
    assert not digests & IdentifierHasher(b"another secret key of thirty-two bytes").digests(LAN.person)
    contents = b"".join(file.read_bytes() for file in tmp_path.glob("provider.db*"))
    assert all(digest.encode() in contents for digest in digests)
    for text in (LAN.phone[1:], LAN.email, LAN.id, SECRET_KEY):
        assert text.encode() not in contents


def test_what_was_suppressed_together_is_restored_together(book, hasher):
    """One identifier lifts all of a person's; of two people who share an email, a phone lifts its own person only."""
    minh = Person(HUNG.person.phones, LAN.person.emails, HUNG.person.customers)
    for person in (LAN.person, minh):
        assert suppress_person(book.engine, hasher, person) == 3
    assert restore_person(book.engine, hasher, Person(phones=minh.phones)) == 3
    assert suppressed_since(book.engine, hasher, Person(phones=minh.phones)) is None
    assert suppressed_since(book.engine, hasher, Person(emails=minh.emails))
    assert restore_person(book.engine, hasher, Person(minh.phones, minh.emails)) == 0
    assert restore_person(book.engine, hasher, Person(emails=minh.emails)) == 3
    assert suppressed_since(book.engine, hasher, LAN.person) is None


def test_suppressing_again_is_harmless(book, hasher):
    """A person who is suppressed twice is restored once."""
    assert suppress_person(book.engine, hasher, LAN.person) == suppress_person(book.engine, hasher, LAN.person) == 3
    assert restore_person(book.engine, hasher, Person(phones=LAN.person.phones)) == 3
    assert restore_person(book.engine, hasher, LAN.person) == 0
    assert suppressed_since(book.engine, hasher, LAN.person) is None


def test_another_secret_key_is_noticed(small_book, hasher, deploy):
    """Under another secret key nobody would be recognised: the service does not start, no command answers."""
    suppress_person(small_book.engine, hasher, LAN.person)
    other = "another secret key of more than thirty-two bytes"
    with pytest.raises(ConfigurationError, match="another PROVIDER_SECRET_KEY"):
        deploy(secret_key=other)
    for command in (suppress_person, restore_person, suppressed_since):
        with pytest.raises(ConfigurationError, match="another PROVIDER_SECRET_KEY"):
            command(small_book.engine, IdentifierHasher(other.encode()), HUNG.person)
    assert restore_person(small_book.engine, hasher, LAN.person) == 3
    assert deploy(secret_key=other)
