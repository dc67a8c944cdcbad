"""The newest voucher of a person, as in the README."""

from provider.dataset import Column, TableDataset

dataset = TableDataset(
    name="voucher",
    source="shop",
    table="vouchers",
    identifiers={"phone": Column("mobile", stored_as=("national", "e164")), "email": "mail"},
    record={"code": "code", "expired": "is_expired", "value": "amount"},
    newest_by="created_on",
)
