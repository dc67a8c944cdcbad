"""The birthday gift of a person in one campaign: a dataset in plain Python."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from provider.dataset import Dataset, Query
from provider.datasets.customer import dataset as customer

GIFTS = {
    "Birthday2023": {"Bạc": 50_000, "Vàng": 100_000, "Bạch kim": 200_000},
    "Birthday2026": {"Bạc": 80_000, "Vàng": 150_000, "Bạch kim": 300_000},
}


class Parameters(Schema):
    """What Pango's operator sets beside phone and email."""

    campaign_id = fields.String(data_key="campaignId", required=True, validate=validate.OneOf(GIFTS))


class Record(Schema):
    """What leaves the service."""

    gift = fields.String()
    value = fields.Integer()
    tier = fields.String()


def fetch(query: Query) -> Mapping[str, Any] | None:
    """Find the customer, and the gift of the customer's tier; None when nobody matches."""
    member = customer.fetch(query)
    if member is None:
        return None
    tier = member["tier"]
    return {"gift": "voucher", "value": GIFTS[query.parameters["campaign_id"]][tier], "tier": tier}


dataset = Dataset(
    name="birthday-gift",
    parameters=Parameters,
    record=Record,
    fetch=fetch,
    example={"phone": "0359677657", "email": "dee@bytetech.io", "campaignId": "Birthday2023"},
)
