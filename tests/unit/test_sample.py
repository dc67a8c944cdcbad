"""The sample data: a small shop, the same on every machine."""

import sqlite3
import unicodedata
from contextlib import closing

import pytest
from support import EMAIL, PHONE, VOUCHER

from provider.cli.sample_shop import load_sample
from provider.contract.identity import canonical_phone
from provider.database.sources import Sources
from provider.dataset.discover import discover
from provider.errors import ProviderError
from provider.lookup import lookup


@pytest.fixture
def rows(sample_data):
    """Read a table of the sample shop."""

    def rows(table):
        with closing(sqlite3.connect(sample_data.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(f"SELECT * FROM {table}").fetchall()

    return rows


@pytest.fixture
def served(sample_data):
    """Prepare the sample datasets."""
    sources, datasets = Sources({"demo": sample_data}), discover("samples")
    for dataset in datasets.values():
        dataset.prepare(sources)
    yield datasets
    for source in sources.opened():
        source.engine.dispose()


def test_the_sample_is_large_enough_to_look_around(rows):
    """There are at least 200 customers and 200 vouchers, with phones in several forms and accented names in NFC."""
    members = rows("members")
    assert len(members) >= 200
    assert len(rows("tbl_voucher")) >= 200
    phones = [member["mobile"] for member in members if member["mobile"]]
    assert {form for phone in phones for form in ("0", "+84", "84") if phone.startswith(form)} == {"0", "+84", "84"}
    names = [member["full_name"] for member in members]
    assert all(name == unicodedata.normalize("NFC", name) for name in names)
    assert sum(not name.isascii() for name in names) > 150


def test_the_sample_is_the_same_everywhere(rows, tmp_path):
    """Loading again gives the same rows, and loading over what is there changes nothing."""
    file = tmp_path / "again.db"
    assert load_sample(file) is True
    assert load_sample(file) is False
    with closing(sqlite3.connect(file)) as connection:
        for table in ("members", "tbl_voucher"):
            assert connection.execute(f"SELECT * FROM {table}").fetchall() == [tuple(row) for row in rows(table)]


def test_the_sample_person_of_the_document_is_there(served):
    """The document's own person has the document's own voucher, by phone, by email and by both."""
    for sent in ({"phone": PHONE}, {"email": EMAIL}, {"phone": PHONE, "email": EMAIL}):
        assert lookup(served["voucher"], sent) == VOUCHER


def test_everybody_is_found_by_phone_in_every_form(rows, served):
    """Each customer with a phone is found by each form of it, in whichever form the shop stores it."""
    for member in rows("members"):
        if member["mobile"]:
            for form in canonical_phone(member["mobile"]).forms:
                assert lookup(served["customer"], {"phone": form})["memberCode"] == member["member_code"]


def test_everybody_with_an_email_is_found_by_it(rows, served):
    """Each customer with an email is found by it in capitals."""
    for member in rows("members"):
        if member["mail"]:
            found = lookup(served["customer"], {"email": member["mail"].upper()})
            assert found["memberCode"] == member["member_code"]


def test_only_declared_columns_leave(rows, served):
    """No column that is not declared leaves the service: the sample keeps a password hash to show it."""
    assert {member["password_hash"] for member in rows("members")} == {"never-shown"}
    found = lookup(served["customer"], {"phone": PHONE})
    assert found == {
        "memberCode": "M0000",
        "fullName": "Nguyễn Minh Dee",
        "birthday": "1988-06-15",
        "city": "Hồ Chí Minh",
        "tier": "Vàng",
        "points": 1250,
        "totalSpent": 12500000.5,
        "acceptsEmail": True,
        "joinedAt": "2021-03-08T09:30:00",
    }


def test_the_birthday_gift_wants_its_campaign(served):
    """The dataset in plain Python validates its required parameter and answers by the customer's tier."""
    gift = served["birthday-gift"]
    assert lookup(gift, {"phone": PHONE, "campaignId": "Birthday2023"}) == {
        "gift": "voucher",
        "value": 100_000,
        "tier": "Vàng",
    }
    for sent in ({}, {"campaignId": ""}, {"campaignId": "Birthday1999"}):
        with pytest.raises(ProviderError, match=r"^campaignId: ") as caught:
            lookup(gift, {"phone": PHONE, **sent})
        assert caught.value.code == "InvalidRequest"
