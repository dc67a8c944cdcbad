"""The queries the doctor makes: by one identifier, of a sampled or an unknown person."""

from provider.contract.identity import Phone, canonical_email, canonical_phone, example_phone
from provider.dataset.base import Query
from provider.dataset.lookup_statement import LookupStatement

UNKNOWN_EMAIL = "dee@bytetech.io"
UNKNOWN_CODE = "735912684"
_UNKNOWN_UUID = f"00000000-0000-4000-8000-000{UNKNOWN_CODE}"


def query_by(key: str, value: str, *, region: str) -> Query:
    """Make the query of a lookup by one identifier; InvalidPhone, InvalidEmail."""
    if key == "phone":
        return Query(phone=canonical_phone(value, region=region))
    if key == "email":
        return Query(email=canonical_email(value))
    return Query(identifiers={key: value})


def unknown_phone(region: str) -> Phone:
    """Give the example phone of the numbering plan, which almost nobody has."""
    return canonical_phone(example_phone(region), region=region)


def unknown_person(statement: LookupStatement, key: str, *, region: str) -> tuple[Query, str]:
    """Make a query of an unknown person; also return the part of its value that a query plan shows."""
    if key == "phone":
        phone = unknown_phone(region)
        return Query(phone=phone), (phone.national or phone.international)[1:]
    if key == "email":
        return Query(email=UNKNOWN_EMAIL), UNKNOWN_EMAIL
    query = Query(identifiers={key: UNKNOWN_CODE})
    if not statement.forms(key, query):  # the column holds UUIDs
        query = Query(identifiers={key: _UNKNOWN_UUID})
    return query, UNKNOWN_CODE
