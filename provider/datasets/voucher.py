"""The newest voucher of a person."""

from provider.dataset import Column, TableDataset

stored = Column("mobile", stored_as=("national", "e164", "international"))

dataset = TableDataset(
    name="voucher",
    source="demo",
    table="tbl_voucher",
    identifiers={"phone": stored, "email": "mail"},
    record={"code": "voucher_code", "expired": "is_expired", "value": "amount"},
    newest_by="created_on",
    example={"phone": "0359677657", "email": "dee@bytetech.io"},
)
