"""The dataset of the customer profile: the newest of every entity, in one call and one statement."""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields

from provider.database.sources import Source
from provider.dataset.base import Found
from provider.dataset.person import PERSON
from provider.dataset.profile_statement import COUNTS, FIELDS, NAMES, ProfileStatement
from provider.dataset.record_reader import DatabaseDataset, RecordReader, driver_conversions, filled_fields

NAME = "customer-profile"


def _text(means: str) -> fields.Field[Any]:
    return fields.String(metadata={"description": means})


def _number(means: str) -> fields.Field[Any]:
    return fields.Integer(metadata={"description": means})


def _yes(means: str) -> fields.Field[Any]:
    return fields.Boolean(metadata={"description": means})


class Profile(Schema):
    """The profile's fields. Where the identity lacks a name, phone, email or key, another record's is shown."""

    customerId = _text("The customer's key at the sender.")
    fullName = _text("The whole name; else first, middle and last name, joined.")
    gender = _text("`male`, `female` or `undefined`.")
    dob = _number("The birthday, in milliseconds.")
    dob2 = _text("The birthday as text, `2001-10-31`.")
    city = _text("The city or province.")
    customerGroup = _text("The segment or tier of the identity.")
    phone = _text("The phone, as it was sent to us.")
    email = _text("The email, as it was sent to us.")
    membershipId = _text("The number of the newest membership.")
    membershipType = _text("Its tier.")
    membershipStatus = _text("Whether it is in use.")
    loyaltyPoint = _number("Its points that can be spent.")
    earnPoint = _number("Its points earned so far.")
    redeemPoint = _number("Its points spent.")
    lastAction = _text("What the customer did last with a product.")
    lastActionAt = _number("When, in milliseconds.")
    lastActionProduct = _text("The product's name.")
    lastRating = _number("The rating of the newest review.")
    lastReviewAt = _number("When it was written, in milliseconds.")
    lastReviewProduct = _text("The reviewed product's name.")
    subscriptionStatus = _text("The newest subscription's status.")
    emailConsent = _yes("Whether the newest subscription allows news by email.")
    phoneConsent = _yes("Whether the newest subscription allows news by phone.")
    activityCount = _number("How many activities there are.")
    commentCount = _number("How many comments.")
    reviewCount = _number("How many reviews.")
    subscriptionCount = _number("How many subscriptions, whatever their status.")
    emailOpenCount = _number("How many openings of emails.")
    emailClickCount = _number("How many clicks in emails.")
    smsClickCount = _number("How many clicks in text messages.")


_SUBSCRIBED = "Subscribed"


class ProfileDataset(DatabaseDataset):
    """The dataset `customer-profile`: one flat object about a person, by phone, email or customer id.

    Every part is found as the entity's own dataset finds it. When several identifiers are sent, the first that matches
    anybody counts for the whole profile, so that two people are never mixed.
    """

    def __init__(self) -> None:
        self._declare(name=NAME, identifiers=tuple(PERSON), example=None)
        self.record_schema = Profile()
        self.description = "What there is to know of a customer at a glance, of all entities."

    def reader(self, source: Source) -> RecordReader:
        """Prepare the statements; ConfigurationError when a table is not there, SourceUnavailable."""
        statement = ProfileStatement(source.engine.dialect)
        names = [name for name, _ in FIELDS]
        fields = list(zip(names, driver_conversions(source, statement), strict=True))

        def record(row: Sequence[Any]) -> Found | None:
            """Make a profile of a row: fields of the newest records, then counts, then the precedence."""
            values = row[:-1]
            if all(value is None for value in values):
                return None
            found = filled_fields(fields, values)
            counts = {name: int(value or 0) for name, value in zip(COUNTS, values[len(fields) :], strict=True)}
            return found | _whole_name(found) | _consents(found) | counts

        return RecordReader(source, statement, record)


def _whole_name(found: Found) -> Found:
    """Return the whole name: the identity's, else its parts joined, else the customer's name in another record."""
    parts = " ".join(found[name] for name in NAMES if name in found)
    name = found.get("fullName") or parts or found.get("customerName")
    return {"fullName": name} if name else {}


def _consents(found: Found) -> Found:
    """Return no consent for a customer who unsubscribed, whatever the subscription allowed."""
    if found.get("subscriptionStatus", _SUBSCRIBED) == _SUBSCRIBED:
        return {}
    return {"emailConsent": False, "phoneConsent": False}
