"""Writes the SQL of the customer profile: the newest record of each entity, and how many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Dialect,
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

from provider.database.statements import Statement
from provider.dataset.base import Query
from provider.dataset.person import PERSON, bind, newest_first, newest_of, prepare, rows_of, union_of
from provider.store.entity_tables import TABLES

NAMES = ("firstName", "middleName", "lastName")


@dataclass(frozen=True)
class Part:
    """What one entity adds to the profile: fields of a person's newest record, and how many records the person has.

    `shows` maps the profile's fields to the entity's. When several parts show the same field, the first value counts.
    `counts` maps the profile's fields to the value of `event` that is counted, None for every record.
    """

    object_type: str
    shows: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, str | None] = field(default_factory=dict)


_WHO = {"customerId": "customerId", "customerName": "customerName", "phone": "customerPhone", "email": "customerEmail"}
"""Fields with which records other than identities name their customer."""

_IDENTITY = ("customerId", "fullName", "gender", "dob", "dob2", "city", "customerGroup", "phone", "email", *NAMES)

PARTS = (
    Part("customer-identity", {name: name for name in _IDENTITY}),
    Part(
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
    Part(
        "customer-product-activity",
        {**_WHO, "lastAction": "action", "lastActionAt": "actionAt", "lastActionProduct": "productName"},
        {"activityCount": None},
    ),
    Part(
        "customer-product-review",
        {**_WHO, "lastRating": "rating", "lastReviewAt": "reviewedAt", "lastReviewProduct": "productName"},
        {"reviewCount": None},
    ),
    Part(
        "customer-product-subscriber",
        {**_WHO, "subscriptionStatus": "status", "emailConsent": "subscribeEmail", "phoneConsent": "subscribePhone"},
        {"subscriptionCount": None},
    ),
    Part("customer-product-comment", _WHO, {"commentCount": None}),
    Part("email-interaction", counts={"emailOpenCount": "opened", "emailClickCount": "clicked"}),
    Part("sms-interaction", counts={"smsClickCount": "clicked"}),
)

FIELDS = [(name, TABLES[part.object_type].c[column]) for part in PARTS for name, column in part.shows.items()]
"""The profile's fields and their columns; of a field that occurs more than once, the first value counts."""

COUNTS = [name for part in PARTS for name in part.counts]


class ProfileStatement:
    """The statements of the customer profile: one for each combination of identifiers."""

    columns: Sequence[ColumnElement[Any]] = [column for _, column in FIELDS]
    most = len(PERSON)

    def __init__(self, dialect: Dialect) -> None:
        self._dialect: Any = type(dialect)
        for identifier in PERSON:
            self._prepared((identifier,))

    def for_query(self, query: Query) -> tuple[Statement, Mapping[str, Any]]:
        """Return the statement that a query asks for and the values to bind."""
        used, values = bind(query, tuple(PERSON))
        return self._prepared(used), values

    def for_check(self) -> tuple[Statement, Mapping[str, Any]]:
        """Return the statement by phone and email, which Pango sends together, and values that find nobody."""
        return self._prepared(("phone", "email")), {"phone": None, "email": None}

    def _prepared(self, used: tuple[str, ...]) -> Statement:
        return prepare(self._dialect, write_select, used)


def write_select(used: Sequence[str]) -> Select[Any]:
    """Write the statement: a row for each identifier, in their order."""
    people = [_person(identifier, precedence) for precedence, identifier in enumerate(used)]
    if len(people) == 1:
        return people[0]
    everybody = union_all(*people).subquery("people")
    return select(everybody).order_by(everybody.c.precedence)


def _person(identifier: str, precedence: int) -> Select[Any]:
    """Write the row of one identifier, all parts side by side; every value is null when it finds nobody."""
    joined: FromClause = select(literal_column(str(precedence), Integer).label("precedence")).subquery("person")
    precedences = list(joined.c)
    shown: list[ColumnElement[Any]] = []
    counted: list[ColumnElement[Any]] = []
    for number, part in enumerate(PARTS):
        table = TABLES[part.object_type]
        found = _found(part, identifier).subquery(f"found{number}")
        joined = joined.outerjoin(found, true())
        if part.shows:
            # An outer join, since for an inner one MariaDB would read the table first where nothing is found.
            joined = joined.outerjoin(table, table.c.row_id == found.c.row_id)
            shown += [table.c[column] for column in part.shows.values()]
        counted += [found.c[name] for name in part.counts]
    named = [column.label(f"c{number}") for number, column in enumerate([*shown, *counted])]
    return select(*named, *precedences).select_from(joined)


def _found(part: Part, identifier: str) -> Select[Any]:
    """Write the one row of a part: the key of the newest record, and how many records there are."""
    if not part.shows:
        events = union_of(rows_of(part.object_type, identifier, ["event"]))
        return select(*(_count(events.c.event, event).label(name) for name, event in part.counts.items()))
    selects = rows_of(part.object_type, identifier, ["newest_at", "row_id"])
    found = union_of(selects if part.counts else [newest_of(rows, part.object_type) for rows in selects])
    totals = [func.count().over().label(name) for name in part.counts]
    return select(found.c.row_id, *totals).order_by(*newest_first(found)).limit(literal_column("1"))


def _count(event: ColumnElement[Any], wanted: str | None) -> ColumnElement[Any]:
    """Count the rows with an event; null when there are no rows at all."""
    is_wanted = event == literal_column(f"'{wanted}'")
    return func.sum(case((is_wanted, literal_column("1")), else_=literal_column("0")))
