"""A person, by their phones, emails and customer ids in canonical form."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from provider.contract.entities import DOCUMENTED
from provider.contract.identity import email_or_none, phone_or_none

PHONE, EMAIL, CUSTOMER_ID = "phone", "email", "customerId"

IDENTIFYING_FIELDS = {field: kind for entity in DOCUMENTED.values() for kind, field in entity.person.items()}
"""The fields that say whose a record is, and the kind of identifier that each holds."""

_LAST_DIGITS = 6
"""Phones that differ in these last digits are different. Comparing them is a hundred times faster than parsing."""


@dataclass(frozen=True, slots=True)
class Person:
    """The identifiers of one person: phones in E.164 form, emails in lower case, customer ids as they are.

    A person without identifiers is false.
    """

    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.phones or self.emails or self.customers)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield each identifier with its kind."""
        for kind, values in ((PHONE, self.phones), (EMAIL, self.emails), (CUSTOMER_ID, self.customers)):
            yield from ((kind, value) for value in sorted(values))

    def matches(self, written: str, *, region: str) -> bool:
        """Say whether a text is a phone or an email of the person, in any written form."""
        if "@" in written:
            return canonical_identifier(EMAIL, written, region=region) in self.emails
        digits = "".join(character for character in unicodedata.normalize("NFKC", written) if character.isdigit())
        return any(digits.endswith(phone[-_LAST_DIGITS:]) for phone in self.phones) and (
            canonical_identifier(PHONE, written, region=region) in self.phones
        )


def canonical_identifier(kind: str, written: str, *, region: str) -> str | None:
    """Return the form in which identifiers are compared; None when the text is no identifier of this kind."""
    if kind == PHONE:
        phone = phone_or_none(written, region=region)
        return phone.e164 if phone else None
    if kind == EMAIL:
        return email_or_none(written)
    return unicodedata.normalize("NFC", written).strip() or None
