"""Who is meant: a person by their phones, emails and customer ids, in canonical form."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from provider.contract.entities import DOCUMENTED
from provider.contract.identity import email_or_none, phone_or_none

PHONE, EMAIL, CUSTOMER_ID = "phone", "email", "customerId"

KINDS = {field: kind for entity in DOCUMENTED.values() for kind, field in entity.person.items()}
"""What the fields are called that say whose a record is, and the kind of identifier each holds."""

_TELLING_DIGITS = 6
"""Two phones that differ in their last digits are never the same; understanding one costs a hundred times as much."""


@dataclass(frozen=True, slots=True)
class Person:
    """The identifiers of one person: phones in E.164 form, emails in lower case, customer ids as they are.

    False when there are none.
    """

    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.phones or self.emails or self.customers)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Give each identifier with its kind."""
        for kind, values in ((PHONE, self.phones), (EMAIL, self.emails), (CUSTOMER_ID, self.customers)):
            yield from ((kind, value) for value in sorted(values))

    def is_called(self, written: str, *, region: str) -> bool:
        """Say whether a text, however it is written, is a phone or an email of the person."""
        if "@" in written:
            return canonical(EMAIL, written, region=region) in self.emails
        digits = "".join(character for character in unicodedata.normalize("NFKC", written) if character.isdigit())
        return any(digits.endswith(phone[-_TELLING_DIGITS:]) for phone in self.phones) and (
            canonical(PHONE, written, region=region) in self.phones
        )


def canonical(kind: str, written: str, *, region: str) -> str | None:
    """Give the one form of an identifier that is compared; None for what is no identifier of its kind."""
    if kind == PHONE:
        phone = phone_or_none(written, region=region)
        return phone.e164 if phone else None
    if kind == EMAIL:
        return email_or_none(written)
    return unicodedata.normalize("NFC", written).strip() or None
