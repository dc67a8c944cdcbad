"""The customer profile: one flat object about one person, in one round trip."""

from collections import Counter

import pytest
from entity_store import example, only
from support import EMAIL, PHONE

from provider.database.statements import Statement

TIME = 1_700_000_000_000
COUNTS = dict.fromkeys(
    (
        "activityCount", "commentCount", "reviewCount", "subscriptionCount", "emailOpenCount", "emailClickCount",
        "smsClickCount",
    ),
    0,
)  # fmt: skip
PROFILE = "customer-profile"


def one(object_type, **others):
    """Make a record of the customer K1."""
    return example(object_type, customerId="K1", **others)


def fill(store):
    """Store one customer with everything there is, the newest record last or not."""
    store.put("customer-identity", one("customer-identity", updatedAt=TIME))
    for key, time, points in (("M2", TIME + 2, 20), ("M1", TIME + 1, 10)):
        store.put(
            "customer-membership",
            one("customer-membership", membershipId=key, membershipUpdatedAt=time, loyaltyPoint=points),
        )
    for key, time, action in (("A1", TIME + 1, "Search"), ("A2", TIME + 2, "Wishlist"), ("A0", TIME, "Search")):
        store.put(
            "customer-product-activity", one("customer-product-activity", actionId=key, actionAt=time, action=action)
        )
    for key, time, rating in (("R1", TIME + 1, 2), ("R2", TIME + 2, 4)):
        store.put(
            "customer-product-review", one("customer-product-review", reviewId=key, reviewedAt=time, rating=rating)
        )
    store.put("customer-product-comment", one("customer-product-comment"))
    for key, time, email in (("S1", TIME + 1, False), ("S2", TIME + 2, True)):
        store.put(
            "customer-product-subscriber",
            one("customer-product-subscriber", subscribeId=key, subscribeAt=time, subscribeEmail=email),
        )
    for key, event in (("E1", "opened"), ("E2", "opened"), ("E3", "clicked"), ("E4", "bounced")):
        store.put("email-interaction", example("email-interaction", id=key, event=event))
    for key, event in (("T1", "sent"), ("T2", "clicked")):
        store.put("sms-interaction", example("sms-interaction", id=key, event=event))


def test_a_profile_has_a_little_of_everything(store):
    """All entities of a person are in one flat object, whichever identifier is sent."""
    fill(store)
    expected = {
        "customerId": "K1", "fullName": "Nguyen Minh Dee", "gender": "male", "dob": 582310800000, "dob2": "2001-10-31",
        "city": "Ho Chi Minh", "customerGroup": "VIP", "phone": PHONE, "email": EMAIL,
        "membershipId": "M2", "membershipType": "VIP", "membershipStatus": "Active",
        "loyaltyPoint": 20, "earnPoint": 5000, "redeemPoint": 1200,
        "lastAction": "Wishlist", "lastActionAt": TIME + 2, "lastActionProduct": "Coffee Bee",
        "lastRating": 4, "lastReviewAt": TIME + 2, "lastReviewProduct": "Coffee Bee",
        "subscriptionStatus": "Subscribed", "emailConsent": True, "phoneConsent": False,
        "activityCount": 3, "commentCount": 1, "reviewCount": 2, "subscriptionCount": 2,
        "emailOpenCount": 2, "emailClickCount": 1, "smsClickCount": 1,
    }  # fmt: skip
    for sent in ({"phone": PHONE}, {"email": EMAIL}, {"customerId": "K1"}, {"phone": PHONE, "email": EMAIL}):
        assert store.ask(PROFILE, **sent) == expected, sent


def test_nobody_has_no_profile(store):
    """Who is nowhere is NotFound, by every identifier."""
    fill(store)
    nobody = {"phone": "0987654321", "email": "nobody@example.com", "customerId": "K9"}
    for name, value in nobody.items():
        assert store.ask(PROFILE, **{name: value}) == "NotFound"
    assert store.ask(PROFILE, **nobody) == "NotFound"


@pytest.mark.parametrize(
    ("object_type", "shown"),
    [
        (
            "customer-membership",
            {
                "customerId": "K1", "fullName": "Dee Nguyen", "phone": PHONE, "email": EMAIL,
                "membershipId": "0359677xxx", "membershipType": "VIP", "membershipStatus": "Active",
                "loyaltyPoint": 3500, "earnPoint": 5000, "redeemPoint": 1200,
            },
        ),
        (
            "customer-product-activity",
            {
                "customerId": "K1", "fullName": "Nguyen Van A", "phone": PHONE, "email": EMAIL,
                "lastAction": "Wishlist", "lastActionAt": 1584483275000, "lastActionProduct": "Coffee Bee",
                "activityCount": 1,
            },
        ),
        (
            "customer-product-comment",
            {"customerId": "K1", "fullName": "Nguyen Van A", "phone": PHONE, "email": EMAIL, "commentCount": 1},
        ),
    ],
)  # fmt: skip
def test_a_person_without_an_identity_has_a_profile(store, object_type, shown):
    """Whoever is known by a single record of another entity is answered with what it says of them."""
    store.put(object_type, one(object_type))
    for sent in ({"phone": PHONE}, {"email": EMAIL}, {"customerId": "K1"}):
        assert store.ask(PROFILE, **sent) == COUNTS | shown


def test_the_identity_counts_before_other_records(store):
    """A field that several records have is the identity's; what it lacks comes from the membership, then others."""
    store.put("customer-identity", one("customer-identity", email=None))
    elsewhere = {"customerPhone": "0912345678", "customerEmail": "other@example.com"}
    store.put("customer-membership", one("customer-membership", **elsewhere))
    store.put("customer-product-comment", one("customer-product-comment", **elsewhere | {"customerEmail": EMAIL}))
    found = store.ask(PROFILE, customerId="K1")
    assert (found["phone"], found["email"]) == (PHONE, "other@example.com")


def test_whoever_only_got_messages_has_a_profile(store):
    """Interactions alone make a profile of counts."""
    store.put("email-interaction", example("email-interaction", event="bounced"))
    store.put("sms-interaction", example("sms-interaction", event="clicked"))
    assert store.ask(PROFILE, email=EMAIL) == COUNTS
    assert store.ask(PROFILE, phone=PHONE) == COUNTS | {"smsClickCount": 1}


def test_two_people_are_never_mixed(store):
    """When phone and email are two people's, the whole profile is the phone's owner's."""
    store.put("customer-membership", example("customer-membership", customerId="K1", customerEmail=None))
    activity = example("customer-product-activity", customerId="K2", customerPhone=None)
    store.put("customer-product-activity", activity)
    found = store.ask(PROFILE, phone=PHONE, email=EMAIL)
    assert (found["customerId"], found["activityCount"]) == ("K1", 0)
    assert "lastAction" not in found
    found = store.ask(PROFILE, phone="0987654321", email=EMAIL, customerId="K1")
    assert (found["customerId"], found["activityCount"]) == ("K2", 1)
    assert "membershipId" not in found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"fullName": "Dee"}, "Dee"),
        ({"fullName": None, "firstName": "Nguyen", "middleName": "Minh", "lastName": "Dee"}, "Nguyen Minh Dee"),
        ({"fullName": "", "firstName": "Nguyen", "middleName": None, "lastName": "Dee"}, "Nguyen Dee"),
    ],
)
@only("sqlite")
def test_names_are_joined_where_there_is_no_whole_one(store, names, expected):
    """The identity's whole name counts, else its parts, before what other records call the customer."""
    store.put("customer-identity", one("customer-identity", **names))
    store.put("customer-membership", one("customer-membership"))
    assert store.ask(PROFILE, phone=PHONE)["fullName"] == expected


@pytest.mark.parametrize(
    ("newest", "email", "phone"),
    [
        ({"status": "Subscribed", "subscribeEmail": True, "subscribePhone": False}, True, False),
        ({"status": "Subscribed", "subscribeEmail": None, "subscribePhone": True}, None, True),
        ({"status": "Unsubscribed", "subscribeEmail": True, "subscribePhone": True}, False, False),
        ({"status": "Unsubscribed", "subscribeEmail": None, "subscribePhone": None}, False, False),
        ({"status": "Unsubscribed", "recordStatus": "Deleted"}, True, True),
    ],
)
@only("sqlite")
def test_the_newest_subscription_says_what_was_consented_to(store, newest, email, phone):
    """The newest subscription counts; unsubscribed is no consent, and what it does not say is left out."""
    old = {"subscribeId": "S1", "subscribeAt": TIME, "subscribeEmail": True, "subscribePhone": True}
    store.put("customer-product-subscriber", one("customer-product-subscriber", **old))
    new = {"subscribeId": "S2", "subscribeAt": TIME + 1, **newest}
    store.put("customer-product-subscriber", one("customer-product-subscriber", **new))
    found = store.ask(PROFILE, phone=PHONE)
    assert (found.get("emailConsent"), found.get("phoneConsent")) == (email, phone)


def test_deleted_records_do_not_count(store):
    """What is deleted is neither shown nor counted; who is deleted everywhere is nobody."""
    for object_type in (
        "customer-identity",
        "customer-membership",
        "customer-product-activity",
        "customer-product-review",
    ):
        store.put(object_type, one(object_type, recordStatus="Deleted"))
    store.put("email-interaction", example("email-interaction", recordStatus="Deleted"))
    for sent in ({"phone": PHONE}, {"email": EMAIL}, {"customerId": "K1"}):
        assert store.ask(PROFILE, **sent) == "NotFound"
    store.put("customer-product-comment", one("customer-product-comment"))
    expected = {"customerId": "K1", "fullName": "Nguyen Van A", "phone": PHONE, "email": EMAIL, "commentCount": 1}
    assert store.ask(PROFILE, phone=PHONE) == COUNTS | expected


def test_one_statement_brings_a_profile(store, monkeypatch):
    """A profile takes one round trip, whether it finds somebody or nobody."""
    fill(store)
    ran = Counter()
    run = Statement.run

    def count(statement, *arguments):
        ran["provider_customer_identity" in statement.sql] += 1
        return run(statement, *arguments)

    monkeypatch.setattr(Statement, "run", count)
    for sent in ({"phone": PHONE}, {"phone": PHONE, "email": EMAIL, "customerId": "K1"}, {"phone": "0987654321"}):
        ran.clear()
        store.ask(PROFILE, **sent)
        assert ran[True] == 1


def test_a_client_sees_of_a_profile_what_it_was_granted(store):
    """Fields and masks apply to the profile."""
    fill(store)
    key = store.key(grants={PROFILE: {"loyaltyPoint": None, "phone": "last4", "fullName": "hide"}})
    assert store.ask(PROFILE, key=key, phone=PHONE) == {"loyaltyPoint": 20, "phone": "******7657"}
