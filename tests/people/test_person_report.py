"""What is held of one person is found whole, and erased whole, and nobody else loses anything."""

import orjson
import pytest
from households import HUNG, LAN, Customer
from sqlalchemy import event, update

from provider.contract.entities import DOCUMENTED
from provider.records.people.identifiers import Person
from provider.records.people.person_report import erase_person, find_person, report_person
from provider.store.entity_tables import TABLES
from provider.store.push_tables import Push

GIVEN = {"phone": Person(phones=LAN.person.phones), "email": Person(emails=LAN.person.emails),
         "customerId": Person(customers=LAN.person.customers)}  # fmt: skip
any_identifier = pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)


def held(book, given):
    """Find a person and what is held of them."""
    with book.engine.connect() as connection:
        person = find_person(connection, given)
        return person, report_person(connection, person, region="VN")


def erase_found(book, given):
    """Find a person and erase them."""
    person, _ = held(book, given)
    return erase_person(book.engine, person, region="VN")


@any_identifier
def test_everything_of_the_twelve_entities_is_found(book, given):
    """By any one identifier a person's records of all twelve entities are found, whole, and nobody else's."""
    records = book.store_all(LAN)
    book.store_all(HUNG)
    person, found = held(book, given)
    assert person == LAN.person
    assert found == {TABLES[name].name: [record] for name, record in records.items()}
    assert len(found) == len(DOCUMENTED) == 12


@any_identifier
def test_what_is_on_its_way_is_found(book, given):
    """Entries that wait, dead letters, webhooks and keys of sent records are the person's by any identifier."""
    book.store_all(LAN)
    entry, foreign = LAN.record("customer-identity"), HUNG.record("customer-identity")
    book.add_batch(foreign, entry, foreign)
    book.add_dead_letter(entry)
    book.add_dead_letter(foreign)
    book.add_webhook(orjson.dumps({"event": "opened", "contact": {"mobile": "+84 912 345 678"}}))
    book.add_webhook(orjson.dumps({"who": HUNG.phone}))
    book.add_sent_record(LAN.id)
    book.add_sent_record(HUNG.id)
    _, found = held(book, given)
    assert {name: rows for name, rows in found.items() if not name.startswith(("provider_customer", "provider_email",
                                                                               "provider_sms"))} == {
        "provider_batch": [entry],
        "provider_dead_letter": [entry],
        "provider_webhook": [{"event": "opened", "contact": {"mobile": "+84 912 345 678"}}],
        "provider_sent": [{"refId": LAN.id}],
        "provider_callback_result": [{"refId": LAN.id}],
    }  # fmt: skip


@any_identifier
def test_erasing_takes_exactly_what_is_held(book, given):
    """After erasing, every table is as if the person had never been there, and the counts say what went."""
    book.store_all(HUNG)
    foreign = HUNG.record("customer-identity")
    book.add_batch(foreign)
    book.add_dead_letter(foreign)
    book.add_webhook(orjson.dumps([{"who": HUNG.email}]))
    book.add_sent_record(HUNG.id)
    before = book.rows()

    book.store_all(LAN)
    entry = LAN.record("customer-identity")
    book.add_batch(entry, entry)
    book.add_dead_letter(entry)
    book.add_webhook(orjson.dumps({"who": LAN.email.upper()}))
    book.add_sent_record(LAN.id)
    gone = erase_found(book, given)
    assert book.rows() == before
    assert gone == dict.fromkeys((table.name for table in TABLES.values()), 1) | {
        "provider_batch": 2, "provider_dead_letter": 1, "provider_webhook": 1, "provider_sent": 1,
        "provider_callback_result": 1,
    }  # fmt: skip
    assert held(book, given)[1] == {}
    assert erase_found(book, LAN.person) == {}


def test_a_batch_keeps_the_entries_of_others(book):
    """Of a batch and of a webhook with a list only the person's members go; the batch knows how many are left."""
    entry, foreign = LAN.record("sms-interaction"), HUNG.record("sms-interaction")
    book.add_batch(foreign, entry, foreign | {"id": "I3"})
    book.add_webhook(orjson.dumps([foreign, entry]))
    assert erase_found(book, GIVEN["phone"]) == {"provider_batch": 1, "provider_webhook": 1}
    [batch] = book.rows()["provider_batch"]
    assert orjson.loads(batch["payload"]) == [foreign, foreign | {"id": "I3"}]
    assert batch["records"] == 2
    [webhook] = book.rows()["provider_webhook"]
    assert orjson.loads(webhook["payload"]) == [foreign]


def test_an_erasure_that_fails_erases_nothing(book):
    """All of it or nothing: when the last table fails, every row is still there."""
    book.store_all(LAN)
    book.add_sent_record(LAN.id)
    before = book.rows()

    def fail(_, __, statement, *___):
        if statement.startswith("DELETE FROM provider_callback_result"):
            raise RuntimeError

    event.listen(book.engine, "before_cursor_execute", fail)
    with pytest.raises(RuntimeError):
        erase_found(book, GIVEN["phone"])
    assert book.rows() == before


SHARING = Customer(HUNG.phone, LAN.email, HUNG.id)


def test_who_shares_an_email_is_another_person(book):
    """Of two customers with one email, the other keeps what has their own customer id; unnamed messages go."""
    book.store_all(LAN)
    others = SHARING.records()
    del others["email-interaction"]
    for object_type, record in others.items():
        book.store(object_type, record)
    nameless = SHARING.record("customer-membership", membershipId="M9", customerId=None, customerPhone=None)
    book.store("customer-membership", nameless)
    for given in (GIVEN["phone"], GIVEN["customerId"]):
        person, found = held(book, given)
        assert person == LAN.person
        assert len(found["provider_email_interaction"]) == 1
        assert len(found["provider_customer_membership"]) == 2
    assert held(book, GIVEN["email"])[0].customers == {LAN.id, HUNG.id}
    erase_found(book, GIVEN["phone"])
    person, found = held(book, SHARING.person)
    assert person == SHARING.person
    assert found == {TABLES[name].name: [record] for name, record in others.items()}


def test_a_named_customer_is_meant_alone(book):
    """With a customer id given, a shared email finds nobody else."""
    book.store_all(LAN)
    book.store("customer-identity", SHARING.record("customer-identity"))
    person, found = held(book, Person(emails=LAN.person.emails, customers=LAN.person.customers))
    assert person == LAN.person
    assert len(found["provider_customer_identity"]) == 1


def test_a_relationship_tells_of_the_relative_as_well(book):
    """A relationship is held of the relative too, however their phone is written there, and makes them no customer."""
    book.store_all(HUNG)
    relation = HUNG.record("customer-relationship", relationshipId="R2", phone="(+84) 912-345-678", email=None)
    book.store("customer-relationship", relation)
    person, found = held(book, GIVEN["phone"])
    assert person == GIVEN["phone"]
    assert found == {
        "provider_customer_relationship": [{name: value for name, value in relation.items() if value is not None}]
    }
    assert erase_found(book, GIVEN["phone"]) == {"provider_customer_relationship": 1}
    assert len(held(book, HUNG.person)[1]) == 12


def test_customer_ids_are_told_apart_by_their_capitals(book):
    """C-LAN and c-lan are two customers in every database."""
    book.store_all(LAN)
    assert held(book, Person(customers=frozenset({"c-lan"})))[1] == {}


PAYLOADS = {
    "a phone in another form": {"a": {"b": ["84912345678"]}},
    "a number": {"phone": 84912345678},
    "a phone with spaces": {"x": " 0912 345 678 "},
    "an email in capitals": {"x": "Lan@Example.COM"},
    "a customer id": {"order": {"customerId": "C-LAN"}},
    "in a list of lists": [[["0912345678"]]],
    "plain text": "0912345678",
}
OTHERS = {
    "a longer number": {"x": 840912345678123},
    "a customer id elsewhere": {"note": "C-LAN"},
    "a phone inside a sentence": {"note": "call 0912345678 now"},
    "true": {"x": True, "y": None, "z": 1.5},
    "another's": {"phone": "0912345679", "email": "lan@example.org"},
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_names_the_person(small_book, payload):
    """A phone or an email counts at any depth and in any form, a customer id under its own name."""
    small_book.add_webhook(orjson.dumps(payload))
    assert "provider_webhook" in held(small_book, LAN.person)[1]


@pytest.mark.parametrize("payload", OTHERS.values(), ids=OTHERS)
def test_a_payload_does_not_name_the_person(small_book, payload):
    """What only looks alike, or stands inside a sentence, is not taken for the person."""
    small_book.add_webhook(orjson.dumps(payload))
    assert held(small_book, LAN.person)[1] == {}


def test_a_payload_that_is_no_json_is_passed_over(small_book):
    """A payload that was thrown away, or is nested without end, stops no search."""
    small_book.add_webhook(b"")
    small_book.add_webhook(b'{"a":' * 900 + b'"0912345678"' + b"}" * 900)
    assert len(held(small_book, LAN.person)[1]["provider_webhook"]) == 1


def test_what_is_erased_is_in_no_file(small_book, tmp_path):
    """SQLite writes over what is erased: the files of the database have neither phone, email nor customer id left."""
    # Some builds of SQLite write over on their own.
    engine = small_book.engine
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA secure_delete = OFF").close(), insert=True)
    engine.dispose()
    small_book.store_all(LAN)
    small_book.add_batch(LAN.record("customer-identity"))
    erase_found(small_book, GIVEN["phone"])
    contents = b"".join(file.read_bytes() for file in tmp_path.glob("provider.db*"))
    assert b"SQLite format" in contents
    for text in (LAN.phone[1:], LAN.email, LAN.id):
        assert text.encode() not in contents


def test_what_waits_is_another_customers_too(small_book):
    """A record that waits or has died with another customer's id is that customer's, whatever email stands in it."""
    hers = {"identityId": "I1", "customerId": LAN.id, "email": LAN.email}
    his = {"identityId": "I2", "customerId": HUNG.id, "email": LAN.email}
    small_book.store_all(LAN)
    small_book.add_batch(hers, his)
    small_book.add_dead_letter(his)
    assert held(small_book, LAN.person)[1]["provider_batch"] == [hers]
    gone = erase_found(small_book, LAN.person)
    assert (gone["provider_batch"], "provider_dead_letter" in gone) == (1, False)
    assert orjson.loads(small_book.rows()["provider_batch"][0]["payload"]) == [his]


def test_a_relative_is_found_in_what_waits(small_book):
    """In relationships that wait, a phone or an email may be the relative's, whatever customer is named."""
    with small_book.engine.begin() as connection:
        connection.execute(update(Push).values(object_type="customer-relationship"))
    small_book.add_batch(found := {"customerId": HUNG.id, "email": LAN.email})
    assert held(small_book, LAN.person)[1] == {"provider_batch": [found]}
