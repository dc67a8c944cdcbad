"""Who a person is to the shop: name, tier and points."""

from provider.dataset import Column, TableDataset

dataset = TableDataset(
    name="customer",
    source="demo",
    table="members",
    identifiers={
        "phone": Column("mobile", stored_as=("national", "e164", "international")),
        "email": "mail",
        "memberCode": "member_code",
    },
    record={
        "memberCode": "member_code",
        "fullName": "full_name",
        "birthday": "birthday",
        "city": "city",
        "tier": "tier",
        "points": "points",
        "totalSpent": "total_spent",
        "acceptsEmail": "accepts_email",
        "joinedAt": "joined_on",
    },
    newest_by="joined_on",
    example={"phone": "0359677657", "email": "dee@bytetech.io"},
)
