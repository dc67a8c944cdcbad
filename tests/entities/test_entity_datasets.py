"""Every stored entity is served: what went in comes out, for the person who is meant."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from entity_store import NOW, example, only
from sqlalchemy import text
from support import EMAIL, PHONE, provider

from provider.contract.entities import DOCUMENTED
from provider.contract.entities.fields import CustomFields
from provider.database.sources import OWN, Sources
from provider.store.entity_tables import TABLES

OTHER_PHONE, OTHER_EMAIL = "0912345678", "lan@example.com"
ENTITIES = pytest.mark.parametrize("object_type", DOCUMENTED)
LINKED = pytest.mark.parametrize("object_type", [name for name in DOCUMENTED if name != "customer-identity"])
TIME = 1_700_000_000_000
HELPERS = {"row_id", "unlisted", "phone_key", "email_key", "newest_at", "stored_at"}


def as_served(object_type, record):
    """Say what a lookup answers for a record: maps of custom fields opened, lists as JSON text."""
    flat = {}
    for name, value in record.items():
        flat |= value if isinstance(DOCUMENTED[object_type].fields[name], CustomFields) else {name: value}
    return {name: orjson.dumps(it).decode() if isinstance(it, list) else it for name, it in flat.items()}


def person(object_type, customer="K1", phone=PHONE, email=EMAIL):
    """Give the fields by which a record is a person's, with these values."""
    values = {"customerId": customer, "phone": phone, "email": email}
    return {name: values[identifier] for identifier, name in DOCUMENTED[object_type].person.items()}


def keyed(object_type, number):
    """Give a key of its own to a record, beside the customer id."""
    names = [name for name in DOCUMENTED[object_type].key if name != "customerId"]
    values = {"addressType": ("Live", "Work", "Hometown")[number % 3], "email": f"a{number}@example.com"}
    return {name: values.get(name, f"key-{number}") for name in names}


def dated(object_type, number):
    """Give a time to a record, the higher the newer."""
    return dict.fromkeys(DOCUMENTED[object_type].newest_by[:1], TIME + number)


def who(object_type):
    """Give an identifier that the entity carries itself and that is no part of its key's other fields."""
    carried = DOCUMENTED[object_type].person
    return (
        {"customerId": "K1"}
        if "customerId" in carried
        else {"phone": PHONE}
        if "phone" in carried
        else {"email": EMAIL}
    )


def variables(settings):
    """Give the settings of an installation as a program's environment."""
    return {"PROVIDER_DATABASE_URL": settings.database_url, "PROVIDER_SECRET_KEY": settings.secret_key}


@ENTITIES
def test_a_record_comes_out_as_it_went_in(store, object_type):
    """A record with every field of its entity comes out whole and unchanged, by every identifier that it carries."""
    record = example(object_type)
    store.put(object_type, record)
    entity = DOCUMENTED[object_type]
    assert set(record) == set(entity.fields)
    sent = [{identifier: record[name]} for identifier, name in entity.person.items()]
    sent += [{entity.key[0]: record[entity.key[0]]}] if len(entity.key) == 1 else []
    assert sent
    for identifier in sent:
        found = store.ask(object_type, **identifier)
        assert found == as_served(object_type, record), identifier
        assert not HELPERS & set(found)


@ENTITIES
def test_the_newest_record_counts(store, object_type):
    """Of several records the newest counts, by the times of the entity's page, else by when they were stored."""
    for number in (2, 1, 3, 0):
        record = example(object_type, **person(object_type)) | keyed(object_type, number % 3)
        company = {"internalCompanyId": f"c{number}"}
        made = record | dated(object_type, number) | company
        store.put(object_type, made, now=NOW + timedelta(seconds=number))
    sent = who(object_type) if object_type != "customer-identity-email" else {"customerId": "K1"}
    if object_type == "customer-identity":
        sent = {"phone": PHONE}
    assert store.ask(object_type, **sent)["internalCompanyId"] == "c3"


def test_of_equally_new_records_the_last_that_was_stored_counts(store):
    """Records as new as each other are told apart by the order in which they came."""
    for number in (1, 3, 2):
        store.put("customer-membership", example("customer-membership", membershipId=f"M{number}"))
    assert store.ask("customer-membership", phone=PHONE)["membershipId"] == "M2"


@LINKED
def test_a_record_is_found_through_the_identity(store, object_type):
    """A record without the phone or email that is asked for is found when it belongs to a customer who has it."""
    store.put("customer-identity", example("customer-identity", customerId="K1"))
    carried = DOCUMENTED[object_type].person
    elsewhere = (OTHER_PHONE, OTHER_EMAIL) if "customerId" in carried else (PHONE, EMAIL)
    record = example(object_type, **person(object_type, "K1", *elsewhere))
    store.put(object_type, record)
    for sent in ({"phone": PHONE}, {"email": EMAIL}, {"customerId": "K1"}, {"phone": PHONE, "email": EMAIL}):
        assert store.ask(object_type, **sent) == as_served(object_type, record), sent
    for sent in ({"phone": "0987654321"}, {"email": "nobody@example.com"}, {"customerId": "K2"}):
        assert store.ask(object_type, **sent) == "NotFound", sent


@ENTITIES
def test_a_deleted_record_is_as_if_it_were_not_there(store, object_type):
    """A deleted record is never answered, and one before it counts again."""
    identifier = {"phone": PHONE} if object_type == "customer-identity" else who(object_type)
    old = example(object_type, **person(object_type)) | keyed(object_type, 0) | dated(object_type, 0)
    new = old | keyed(object_type, 1) | dated(object_type, 1) | {"internalCompanyId": "c1"}
    store.put(object_type, new | {"recordStatus": "Deleted"}, now=NOW + timedelta(seconds=1))
    assert store.ask(object_type, **identifier) == "NotFound"
    entity = DOCUMENTED[object_type]
    if len(entity.key) == 1:
        assert store.ask(object_type, **{entity.key[0]: new[entity.key[0]]}) == "NotFound"
    store.put(object_type, old)
    assert store.ask(object_type, **identifier)["internalCompanyId"] == old["internalCompanyId"]


@LINKED
def test_a_deleted_identity_hides_what_is_found_through_it(store, object_type):
    """Who is deleted is found no more, but by what their other records carry themselves."""
    store.put("customer-identity", example("customer-identity", customerId="K1", recordStatus="Deleted"))
    store.put(object_type, example(object_type, **person(object_type, "K1", OTHER_PHONE, OTHER_EMAIL)))
    assert store.ask(object_type, phone=PHONE) == "NotFound"
    assert store.ask(object_type, email=EMAIL) == "NotFound"
    carried = DOCUMENTED[object_type].person
    own = {"phone": OTHER_PHONE, "email": OTHER_EMAIL, "customerId": "K1"}
    for identifier in carried:
        assert isinstance(store.ask(object_type, **{identifier: own[identifier]}), dict)


@LINKED
def test_companies_are_kept_apart(store, object_type):
    """A customer id, or a phone, leads to the records of the identity's own company only."""
    entity = DOCUMENTED[object_type]
    store.put("customer-identity", example("customer-identity", customerId="K1", internalCompanyId="north"))
    elsewhere = (OTHER_PHONE, OTHER_EMAIL) if "customerId" in entity.person else (PHONE, EMAIL)
    made = example(object_type, **person(object_type, "K1", *elsewhere)) | keyed(object_type, 0)
    through = {"phone": PHONE} if "phone" not in entity.person or "customerId" in entity.person else {"email": EMAIL}
    store.put(object_type, made | dated(object_type, 9) | {"internalCompanyId": "south"})
    assert store.ask(object_type, **through) == "NotFound"
    store.put(object_type, made | dated(object_type, 1) | {"internalCompanyId": "north"})
    assert store.ask(object_type, **through)["internalCompanyId"] == "north"


def test_the_same_key_in_two_companies_is_two_records(store):
    """Of two companies' records with one key, the newest counts."""
    for company, time in (("north", TIME + 1), ("south", TIME)):
        record = example("customer-membership", internalCompanyId=company, membershipUpdatedAt=time)
        store.put("customer-membership", record)
    found = store.ask("customer-membership", membershipId=record["membershipId"])
    assert found["internalCompanyId"] == "north"


def test_the_first_identifier_that_matches_counts(store):
    """Phone, email, customer id and the own key are tried in this order."""
    people = [
        ("M1", "A1", PHONE, "x1@example.com"),
        ("M2", "A2", "0912345671", EMAIL),
        ("M3", "A3", "0912345672", None),
    ]
    for key, customer, phone, email in people:
        record = {"membershipId": key, "customerId": customer, "customerPhone": phone, "customerEmail": email}
        store.put("customer-membership", example("customer-membership", **record))
    asked = {"membershipId": "M2", "customerId": "A3", "email": EMAIL, "phone": PHONE}
    for expected in ("M1", "M2", "M3", "M2"):
        assert store.ask("customer-membership", **asked)["membershipId"] == expected
        asked.popitem()
    store.put("customer-membership", example("customer-membership", membershipId="M4", customerId="A4"))
    nobody = {"phone": "0987654321", "email": "nobody@example.com"}
    assert store.ask("customer-membership", **nobody, customerId="A4")["membershipId"] == "M4"
    assert store.ask("customer-membership", **nobody, customerId="A9", membershipId="M3")["membershipId"] == "M3"
    assert store.ask("customer-membership", **nobody, customerId="A9", membershipId="M9") == "NotFound"


def test_keys_are_compared_as_they_are_written(store):
    """Capital letters make another key on every database; a phone is found however it is written."""
    store.put(
        "customer-membership", example("customer-membership", membershipId="Ab1", customerPhone="+84 359 677 657")
    )
    assert store.ask("customer-membership", membershipId="aB1") == "NotFound"
    assert store.ask("customer-membership", membershipId=" Ab1 ")["membershipId"] == "Ab1"
    assert store.ask("customer-membership", phone="84359677657")["customerPhone"] == "+84 359 677 657"


def test_a_part_of_a_key_narrows_a_lookup(store):
    """A field that is only a part of the key says which of a person's records is meant, and finds nobody by itself."""
    for number, kind in enumerate(("Work", "Live")):
        record = example("customer-identity-address", customerId="K1", addressType=kind, startTime=TIME + number)
        store.put("customer-identity-address", record)
    store.put("customer-identity", example("customer-identity", customerId="K1"))
    for sent in ({"phone": PHONE}, {"customerId": "K1"}, {"phone": PHONE, "email": EMAIL}):
        assert store.ask("customer-identity-address", **sent)["addressType"] == "Live"
        assert store.ask("customer-identity-address", **sent, addressType="Work")["addressType"] == "Work"
        assert store.ask("customer-identity-address", **sent, addressType="Hometown") == "NotFound"
    assert store.ask("customer-identity-address", addressType="Work") == "MissingIdentifier"


def test_what_is_blank_or_unlisted_is_left_out(store):
    """Blank fields and blank custom fields are not in the record, nor are keys that no page lists."""
    texts = {"customField01": "", "customField02": "x", "customField100": "y", "customField03": None}
    record = {
        "customerId": "K1",
        "fullName": "Lan",
        "phone": PHONE,
        "city": "",
        "secretScore": 7,
        "customFieldTexts": texts,
    }
    store.put("customer-identity", record)
    expected = {"customerId": "K1", "fullName": "Lan", "phone": PHONE, "customField02": "x", "customField100": "y"}
    assert store.ask("customer-identity", phone=PHONE) == expected


def test_a_client_sees_what_it_was_granted(store):
    """Fields and masks apply to entities, custom fields too."""
    store.put("customer-membership", example("customer-membership"))
    granted = {"customer-membership": {"membershipType": None, "customerPhone": "last4", "customField01": None}}
    key = store.key(grants=granted)
    found = store.ask("customer-membership", key=key, phone=PHONE)
    assert found == {"membershipType": "VIP", "customerPhone": "******7657", "customField01": "tag:question"}
    assert store.ask("customer-identity", key=key, phone=PHONE) == "Forbidden"


@only("sqlite")
def test_whoever_is_suppressed_is_not_answered(store, serve):
    """Suppressing a person hides their records by every identifier, the entity's own key too."""
    store.put("customer-membership", example("customer-membership", customerId="K1"))
    try:
        provider("person", "suppress", "--phone", PHONE, cwd=Path.cwd(), **variables(store.settings))
        ask = serve().ask
        for sent in ({"phone": PHONE}, {"email": EMAIL}, {"customerId": "K1"}, {"membershipId": "0359677xxx"}):
            assert ask("customer-membership", **sent) == "NotFound"
            assert ask("customer-profile", **sent) in ("NotFound", "MissingIdentifier")
    finally:
        provider("person", "restore", "--phone", PHONE, cwd=Path.cwd(), **variables(store.settings))


ACTIVITIES = """
    '''What a customer did.'''
    from provider.dataset import EntityDataset

    dataset = EntityDataset("customer-product-activity", shape="list", limit=2,
                            record=("actionId", "customFieldLong01"))
"""


def test_a_partner_may_ask_for_a_list(store, serve, make_package):
    """A partner's dataset takes the place of the built-in one; a list counts each record once, the newest first."""
    store.put("customer-identity", example("customer-identity", customerId="K1"))
    for number in range(4):
        store.put(
            "customer-product-activity",
            example(
                "customer-product-activity",
                actionId=f"A{number}",
                actionAt=TIME + number,
                customerId="K1",
                recordStatus="Active" if number else "Deleted",
                customFieldLongs={"customFieldLong01": 12, "customFieldLong02": 13},
            ),
        )
    store.put(
        "customer-product-activity",
        example("customer-product-activity", actionId="B", customerId="K2", customerPhone=OTHER_PHONE),
    )
    ask = serve(datasets=make_package(activities=ACTIVITIES)).ask
    items = [{"actionId": "A3", "customFieldLong01": 12}, {"actionId": "A2", "customFieldLong01": 12}]
    for sent in ({"phone": PHONE}, {"customerId": "K1"}, {"phone": PHONE, "customerId": "K2"}):
        assert ask("customer-product-activity", **sent) == {"total": 3, "items": items}
    assert ask("customer-product-activity", phone="0987654321", customerId="K2")["total"] == 1
    assert ask("customer-product-activity", phone="0987654321") == "NotFound"


def test_a_list_is_of_one_person(store, serve, make_package):
    """When identifiers of two people are sent, the first that matches counts: nothing of the other is in the list."""
    for customer, phone in (("K1", PHONE), ("K2", OTHER_PHONE)):
        store.put(
            "customer-product-activity",
            example("customer-product-activity", actionId=customer, customerId=customer, customerPhone=phone),
        )
    ask = serve(datasets=make_package(activities=ACTIVITIES)).ask
    mine = {"total": 1, "items": [{"actionId": "K1", "customFieldLong01": 12}]}
    assert ask("customer-product-activity", phone=PHONE, customerId="K2") == mine
    assert ask("customer-product-activity", phone=OTHER_PHONE, customerId="K1")["items"][0]["actionId"] == "K2"


def test_a_list_shows_what_was_granted(store, serve, make_package):
    """Fields and masks apply to each item of a list."""
    store.put("customer-product-activity", example("customer-product-activity"))
    other = serve(datasets=make_package(activities=ACTIVITIES))
    key = other.key(grants={"customer-product-activity": {"actionId": "last4"}})
    assert other.ask("customer-product-activity", key=key, phone=PHONE)["items"] == [{"actionId": "*******0001"}]


def test_a_table_that_is_gone_is_answered_in_the_envelope(store):
    """When the database refuses, callers get SourceUnavailable, and other datasets go on."""
    table = TABLES["customer-identity-photo"].name
    with store.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO elsewhere"))
    try:
        assert store.ask("customer-identity-photo", phone=PHONE) == "SourceUnavailable"
        assert store.ask("customer-identity-email", phone=PHONE) == "NotFound"
    finally:
        with store.engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE elsewhere RENAME TO {table}"))


def test_lookups_only_read_the_provider_database(store):
    """The connections that serve entities cannot write."""
    sources = Sources.of(store.settings)
    engine = sources[OWN].engine
    with pytest.raises(Exception, match=r"(?i)read.?only"), engine.connect() as connection:
        connection.execute(text(f"DELETE FROM {TABLES['customer-membership'].name}"))
    engine.dispose()


@only("sqlite")
def test_health_names_the_provider_database_once(store):
    """The provider database is one database, whoever reads it."""
    assert store.client.get("/readyz").json["databases"] == {"provider": "ok", "source demo": "ok"}
