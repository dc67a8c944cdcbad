"""The canonical form of phones and emails, however a person writes them."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from provider.errors import ConfigurationError, InvalidEmail, InvalidPhone

# Viet Nam moved its eleven-digit mobile numbers to ten digits in September 2018: old prefix -> new prefix.
# National Telecommunications Numbering Plan, Decision 798/QD-BTTTT.
_VIETNAM_2018 = {
    "120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
    "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
    "162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38", "169": "39",
    "186": "56", "188": "58", "199": "59",
}  # fmt: skip
_VIETNAM_OLD_MOBILE = re.compile(rf"({'|'.join(_VIETNAM_2018)})([0-9]{{7}})")
_VIETNAM = 84

# Soft hyphen, zero-width characters, and the marks of writing direction that are copied along from contact lists.
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])
_PLAIN_EMAIL = re.compile(r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@[a-z0-9]{2,30}(?:\.[a-z0-9]{2,20})?\.(?:com|vn|net|org|io)")
_LONGEST_PHONE = 64
_LONGEST_PLAIN_EMAIL = 64


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number: `e164` +84359677657, `international` 84359677657, `national` 0359677657.

    `national` is None for a number of another country: without its country code it could be somebody else's.
    """

    e164: str
    national: str | None

    @property
    def international(self) -> str:
        """The number with its country code and no plus."""
        return self.e164[1:]

    @property
    def forms(self) -> tuple[str, ...]:
        """Every form the number may be stored in: for `column.in_(phone.forms)`."""
        return tuple(form for form in (self.national, self.e164, self.international) if form)


def canonical_phone(written: str, *, region: str = "VN") -> Phone:
    """Read a phone number in any written form; InvalidPhone when it is none."""
    plan = _plan(region)
    if plan.usual and (match := plan.usual.fullmatch(written)):
        return Phone(e164=f"+{plan.country_code}{match[1]}", national=f"{plan.trunk_prefix}{match[1]}")
    number = _parse(written, region)
    subscriber = phonenumbers.national_significant_number(number)
    at_home = number.country_code == plan.country_code
    return Phone(
        e164=f"+{number.country_code}{subscriber}",
        national=f"{plan.trunk_prefix}{subscriber}" if at_home else None,
    )


def canonical_email(written: str) -> str:
    """Read an email address; give it in lower case and NFC. InvalidEmail when it is none."""
    email = written.strip().lower()
    if len(email) <= _LONGEST_PLAIN_EMAIL and _PLAIN_EMAIL.fullmatch(email):
        return email  # email-validator accepts all of these, in ten times the time
    email = unicodedata.normalize("NFC", email.translate(_INVISIBLE).strip())
    local, at, domain = email.rpartition("@")
    # A + that was not encoded in a query string arrives as a space, which no local part may have.
    email = f"{local.replace(' ', '+')}{at}{domain}"
    try:
        # test_environment accepts the reserved domain .test, which partners use to try their installation.
        found = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidEmail from None
    return found.normalized.lower()


def phone_or_none(written: str, *, region: str = "VN") -> Phone | None:
    """Read a phone number; None when it is none."""
    try:
        return canonical_phone(written, region=region)
    except InvalidPhone:
        return None


def email_or_none(written: str) -> str | None:
    """Read an email address; None when it is none."""
    try:
        return canonical_email(written)
    except InvalidEmail:
        return None


def example_phone(region: str) -> str:
    """Give the example of a mobile number in a region's numbering plan, in E.164 form; ConfigurationError."""
    number: Any = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if number is None:
        raise ConfigurationError(f"No mobile number of {region} is known.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def check_region(region: str) -> None:
    """Refuse a PHONE_REGION that is no country; ConfigurationError says what one looks like."""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ConfigurationError(
            f"PROVIDER_PHONE_REGION cannot be {region!r}. Give a country by its two capital letters, like VN."
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """A region's numbering plan, from the metadata of phonenumbers; `usual` matches plain mobile numbers."""

    country_code: int
    trunk_prefix: str
    usual: re.Pattern[str] | None


@cache
def _plan(region: str) -> _Plan:
    """Prepare one expression for the usual forms of a mobile number: parsing takes ten times as long."""
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region)
    trunk, code = metadata.national_prefix or "", metadata.country_code
    usual = None
    # Where a carrier's code may follow the trunk prefix, as in Colombia, an expression cannot tell the two apart.
    plain = bool(trunk) and metadata.national_prefix_for_parsing == trunk
    if plain and metadata.mobile and metadata.mobile.national_number_pattern:
        usual = re.compile(rf"(?:{trunk}|\+{code})({metadata.mobile.national_number_pattern})", re.ASCII)
    return _Plan(country_code=code, trunk_prefix=trunk, usual=usual)


def _parse(written: str, region: str) -> phonenumbers.PhoneNumber:
    if len(written) > _LONGEST_PHONE:
        raise InvalidPhone
    try:
        number = _renumber(phonenumbers.parse(written.translate(_INVISIBLE), region))
    except phonenumbers.NumberParseException:
        raise InvalidPhone from None
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone
    return number


def _renumber(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """Turn an eleven-digit mobile number from before 2018 into today's; leave any other number as it is."""
    if number.country_code == _VIETNAM and (old := _VIETNAM_OLD_MOBILE.fullmatch(str(number.national_number))):
        return phonenumbers.PhoneNumber(_VIETNAM, int(_VIETNAM_2018[old[1]] + old[2]))
    return number
