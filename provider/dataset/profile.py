"""The customer profile: of every entity the little that a marketer wants to see, in one call and one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    case,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.engine.default import DefaultDialect

from provider.database.sources import OWN, Source, Sources
from provider.database.statements import Statement
from provider.dataset.base import Dataset, Found, Query
from provider.dataset.conversion import driver_conversion
from provider.dataset.person import PERSON, newest_first, newest_of, rows_of, together, values_of
from provider.store.entity_tables import TABLES

NAME = "customer-profile"


def _text(means: str) -> fields.Field[Any]:
    return fields.String(metadata={"description": means})


def _number(means: str) -> fields.Field[Any]:
    return fields.Integer(metadata={"description": means})


def _yes(means: str) -> fields.Field[Any]:
    return fields.Boolean(metadata={"description": means})


class Profile(Schema):
    """What leaves the service. Where the identity lacks a name, phone, email or key, another record's is shown."""

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


@dataclass(frozen=True)
class _Part:
    """What one entity gives: fields of a person's newest record, and how many records the person has.

    `shows` maps the profile's fields to the entity's; of parts that have the same field, the first with a value counts.
    `counts` maps the profile's fields to the value of `event` that is counted, None for every record.
    """

    object_type: str
    shows: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, str | None] = field(default_factory=dict)


_SUBSCRIBED = "Subscribed"
_NAMES = ("firstName", "middleName", "lastName")
_WHO = {"customerId": "customerId", "customerName": "customerName", "phone": "customerPhone", "email": "customerEmail"}
"""Who a person is, in records that are no identity."""

_IDENTITY = ("customerId", "fullName", "gender", "dob", "dob2", "city", "customerGroup", "phone", "email", *_NAMES)

_PARTS = (
    _Part("customer-identity", {name: name for name in _IDENTITY}),
    _Part(
        "customer-membership",
        {
            **_WHO,
            "membershipId": "membershipId",
            "membershipType": "membershipType",
            "membershipStatus": "status",
            "loyaltyPoint": "loyaltyPoint",
            "earnPoint": "earnPoint",
            "redeemPoint": "redeemPoint",
        },
    ),
    _Part(
        "customer-product-activity",
        {**_WHO, "lastAction": "action", "lastActionAt": "actionAt", "lastActionProduct": "productName"},
        {"activityCount": None},
    ),
    _Part(
        "customer-product-review",
        {**_WHO, "lastRating": "rating", "lastReviewAt": "reviewedAt", "lastReviewProduct": "productName"},
        {"reviewCount": None},
    ),
    _Part(
        "customer-product-subscriber",
        {**_WHO, "subscriptionStatus": "status", "emailConsent": "subscribeEmail", "phoneConsent": "subscribePhone"},
        {"subscriptionCount": None},
    ),
    _Part("customer-product-comment", _WHO, {"commentCount": None}),
    _Part("email-interaction", counts={"emailOpenCount": "opened", "emailClickCount": "clicked"}),
    _Part("sms-interaction", counts={"smsClickCount": "clicked"}),
)


_FIELDS = [(part.object_type, name, column) for part in _PARTS for name, column in part.shows.items()]
_COUNTS = [name for part in _PARTS for name in part.counts]


class ProfileDataset(Dataset):
    """The dataset `customer-profile`: one flat object about a person, by phone, email or customer id.

    Every part of it is found as the entity's own dataset finds it. When several identifiers are sent, the first that
    matches anybody counts for the whole profile: two people are never mixed.
    """

    def __init__(self) -> None:
        super().__init__(name=NAME, record=Profile, fetch=self._find, identifiers=tuple(PERSON))
        self.description = "What there is to know of a customer at a glance, of all entities."
        self._source: Source | None = None

    def prepare(self, sources: Sources, *, hash_key: bytes = b"") -> None:
        """Prepare the statements; ConfigurationError when a table is not there, SourceUnavailable."""
        self.hash_key = hash_key
        self._source = source = sources[OWN]
        dialect = source.engine.dialect
        self._kind: Any = type(dialect)
        self._fields = [
            (name, driver_conversion(TABLES[object_type].c[column].type, dialect, None))
            for object_type, name, column in _FIELDS
        ]
        # Phone and email come together in nearly every call of Pango's.
        for used in (*((identifier,) for identifier in PERSON), ("phone", "email")):
            self._statement(used)
        source.check(self._statement(("phone", "email")), {"phone": None, "email": None})

    def _find(self, query: Query) -> Found | None:
        if self._source is None:
            raise RuntimeError(f"{self.name} is used before it is prepared")
        values = values_of(query)
        used = tuple([identifier for identifier in PERSON if identifier in values])
        _, rows = self._source.fetch(self._statement(used), values, len(used))
        return next((self._profile(row[1:]) for row in rows if any(value is not None for value in row[1:])), None)

    def _statement(self, used: tuple[str, ...]) -> Statement:
        return prepared(self._kind, used)

    def _profile(self, row: Sequence[Any]) -> Found:
        """Make a profile of a row: the newest records' fields in the parts' order, then the counts."""
        found: Found = {}
        for (name, convert), value in zip(self._fields, row, strict=False):
            if value is not None and value != "" and name not in found:
                found[name] = convert(value) if convert else value
        counts = {name: int(value or 0) for name, value in zip(_COUNTS, row[len(self._fields) :], strict=True)}
        return found | _named(found) | _consents(found) | counts


def _named(found: Found) -> Found:
    """Give the whole name: the identity's own, else its parts, else what another record calls the customer."""
    parts = " ".join(found[name] for name in _NAMES if name in found)
    name = found.get("fullName") or parts or found.get("customerName")
    return {"fullName": name} if name else {}


def _consents(found: Found) -> Found:
    """Whoever unsubscribed consents to nothing, whatever the subscription once allowed."""
    if found.get("subscriptionStatus", _SUBSCRIBED) == _SUBSCRIBED:
        return {}
    return {"emailConsent": False, "phoneConsent": False}


@cache
def prepared(kind: type[DefaultDialect], used: tuple[str, ...]) -> Statement:
    """Prepare the statement for these identifiers, once in a process: it takes long."""
    return Statement(_select(used), kind(dbapi=kind.import_dbapi()))


def _select(used: Sequence[str]) -> Select[Any]:
    """Write the statement: a row for each identifier, in their order."""
    people = [_person(identifier, precedence) for precedence, identifier in enumerate(used)]
    if len(people) == 1:
        return people[0]
    together = union_all(*people).subquery("people")
    return select(together).order_by(together.c.precedence)


def _person(identifier: str, precedence: int) -> Select[Any]:
    """Write the row of one identifier: every part beside the others, all of them null for nobody."""
    joined: FromClause = select(literal_column(str(precedence), Integer).label("precedence")).subquery("person")
    precedences = list(joined.c)
    shown: list[ColumnElement[Any]] = []
    counted: list[ColumnElement[Any]] = []
    for number, part in enumerate(_PARTS):
        table = TABLES[part.object_type]
        found = _found(part, identifier).subquery(f"found{number}")
        joined = joined.outerjoin(found, true())
        if part.shows:
            # An outer join keeps the order of things: MariaDB would read the table first where nothing is found.
            joined = joined.outerjoin(table, table.c.row_id == found.c.row_id)
            shown += [table.c[column] for column in part.shows.values()]
        counted += [found.c[name] for name in part.counts]
    named = [column.label(f"c{number}") for number, column in enumerate([*shown, *counted])]
    return select(*precedences, *named).select_from(joined)


def _found(part: _Part, identifier: str) -> Select[Any]:
    """Write the one row of a part: where the newest record is, and how many there are."""
    if not part.shows:
        events = together(rows_of(part.object_type, identifier, ["event"]))
        return select(*(_count(events.c.event, event).label(name) for name, event in part.counts.items()))
    ways = rows_of(part.object_type, identifier, ["newest_at", "row_id"])
    found = together(ways if part.counts else [newest_of(way, part.object_type) for way in ways])
    totals = [func.count().over().label(name) for name in part.counts]
    return select(found.c.row_id, *totals).order_by(*newest_first(found)).limit(literal_column("1"))


def _count(event: ColumnElement[Any], wanted: str | None) -> ColumnElement[Any]:
    """Count the rows with an event; null when there are no rows at all."""
    is_wanted = event == literal_column(f"'{wanted}'")
    return func.sum(case((is_wanted, literal_column("1")), else_=literal_column("0")))
