"""What a value is: a phone and how it is written, an email, a date; and how to show it masked."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provider.contract.identity import Phone, canonical_phone
from provider.dataset.columns import PHONE_FORMS
from provider.errors import InvalidPhone

_SEPARATORS = re.compile(r"[\s\u00a0\-.()/_]")
_BETWEEN_PHONES = re.compile(r"[/,;|&\n-]| or | hoặc ")
_EMAIL = re.compile(r"\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*")
_WHOLE_DECIMAL = re.compile(r"\s*\d+\.0+\s*")
_KEPT = 2
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class StoredPhone:
    """How a phone is written in a table.

    `form` is one of `stored_as`, `separators` what must be removed first. Without a form, `problem` says why there is
    none. `phone` is None when the value is no phone.
    """

    phone: Phone | None
    form: str | None = None
    separators: str = ""
    problem: str = ""


def read_stored_phone(value: Any, *, region: str) -> StoredPhone:
    """Find the form in which a phone is stored."""
    text = str(value)
    if _WHOLE_DECIMAL.fullmatch(text):
        if isinstance(value, str):
            return StoredPhone(None, problem="as a number with decimals")
        text = text.partition(".")[0]
    try:
        phone = canonical_phone(text, region=region)
    except InvalidPhone:
        return StoredPhone(None, problem=_problem_without_phone(text, region))
    if not isinstance(value, str):
        # A column of numbers keeps no leading 0, and is compared as a number.
        forms = {str(int(phone.national)): "national"} if phone.national else {}
        forms[phone.international] = "international"
        return StoredPhone(phone, forms.get(text), problem="in another form")
    bare = _SEPARATORS.sub("", text)
    for written, separators in ((text, ""), (bare, "".join(sorted(set(_SEPARATORS.findall(text)))))):
        for form in PHONE_FORMS:
            if written == getattr(phone, form):
                return StoredPhone(phone, form, separators)
    return StoredPhone(phone, problem=_problem_of_form(bare, phone))


def _problem_of_form(bare: str, phone: Phone) -> str:
    if phone.national and bare == phone.national[1:]:
        return "without the leading 0"
    if bare.startswith("00"):
        return "with 00 in place of the plus"
    if not bare.isascii() or not bare.lstrip("+").isdigit():
        return "with characters that are no digits"
    if phone.national and len(bare.lstrip("+")) > len(phone.national) and bare.startswith("01"):
        return "with a prefix of before 2018"
    if phone.national and bare.endswith(phone.national):
        return "with a country code and the 0 as well"
    return "in another form"


def _problem_without_phone(text: str, region: str) -> str:
    parts = [part for part in _BETWEEN_PHONES.split(text) if part.strip()]
    if len(parts) > 1 and all(read_stored_phone(part.strip(), region=region).phone for part in parts):
        return "several phones in one value"
    return "no valid phone"


def remove_separators(expression: str, separators: set[str]) -> str:
    """Write SQL that compares a phone without its separators: `replace(mobile, ' ', '')`."""
    for separator in sorted(separators):
        expression = f"replace({expression}, '{separator}', '')"
    return expression


def looks_like_email(value: Any) -> bool:
    """Tell whether a value has the shape of an email address."""
    return isinstance(value, str) and bool(_EMAIL.fullmatch(value))


def is_iso_date(value: Any) -> bool:
    """Tell whether a value reads as a date in ISO 8601: such text sorts by date."""
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def masked(value: Any) -> str:
    """Show a value's shape and at most its last two characters: enough to find the row, too little to know the value.

    A long one is shortened.
    """
    text = str(value)
    kept = _KEPT if sum(character.isalnum() for character in text) > 2 * _KEPT else 0
    hidden, end = (text[:-kept], text[-kept:]) if kept else (text, "")
    shape = "".join("*" if it.isalnum() else it if it.isprintable() else "?" for it in hidden) + end
    return shape if len(shape) <= _LONGEST else f"{shape[:8]}...{shape[-8:]}"
