"""Who is meant: one person, however a phone or an email is written."""

import unicodedata

import phonenumbers
import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from provider.contract.identity import _PLAIN_EMAIL, _parse, _plan, canonical_email, canonical_phone, check_region
from provider.errors import ConfigurationError, InvalidEmail, InvalidPhone, ProviderError

WRITTEN = [
    "0359677657",
    "+84359677657",
    "84359677657",
    "0084 359 677 657",
    "0084359677657",
    "(+84) 0359-677-657",
    "(+84) 359-677-657",
    "+840359677657",
    "035 967 76 57",
    "0359.677.657",
    "0359-677-657",
    " 84359677657",
    "  0359677657\t",
    "359677657",
    "\uff10\uff13\uff15\uff19\uff16\uff17\uff17\uff16\uff15\uff17",
    "\uff0b\uff18\uff14\uff13\uff15\uff19\uff16\uff17\uff17\uff16\uff15\uff17",
    "٠٣٥٩٦٧٧٦٥٧",
    "\u200b0359677657\u200b",
    "0359\u200c677\u200d657",
    "\ufeff0359677657",
    "\u202a+84 359 677 657\u202c",
    "\u202d0359677657\u202c",
    "\u20660359677657\u2069",
    "0359\u00a0677\u00a0657",
    "tel:0359677657",
]

INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2065\u2066\u2067\u2068\u2069\ufeff"
)

OLD_AND_NEW = {
    "0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078",
    "0123": "083", "0124": "084", "0125": "085", "0127": "081", "0129": "082",
    "0162": "032", "0163": "033", "0164": "034", "0165": "035", "0166": "036", "0167": "037", "0168": "038",
    "0169": "039",
    "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip

JUNK = [
    "",
    " ",
    "0",
    "abc",
    "+",
    "++84",
    "113",
    "035967765",
    "03596776570",
    "0359677657 or 0359677658",
    "03596776570359677657",
    "dee@bytetech.io",
    "+84",
    "+999359677657",
    "+1201234567",
    "0123abc4567890",
    "call 01234567890 now",
    "\u200b",
    "0" * 65,
    f"0359{' ' * 60}677657",
    "1" * 10_000,
    "-1",
    "1e9",
    "359677657.0",
    "; DROP TABLE members",
]

REGIONS = ("VN", "TH", "ID", "PH", "JP", "GB", "DE", "FR", "AU", "IN", "BR", "CO", "ZA", "US", "IT", "RU")


@pytest.mark.parametrize("written", WRITTEN)
def test_every_written_form_is_the_same_person(written):
    """A phone in any form a person writes gives one e164, one national and one international form."""
    phone = canonical_phone(written)
    assert (phone.e164, phone.national, phone.international) == ("+84359677657", "0359677657", "84359677657")
    assert phone.forms == ("0359677657", "+84359677657", "84359677657")


@pytest.mark.parametrize("mark", INVISIBLE, ids=ascii)
def test_an_invisible_character_changes_nobody(mark):
    """A character that nobody sees is no part of a phone or an email, wherever it stands."""
    for written in ("{0}0359677657", "0359{0}677657", "+84{0}359677657{0}", "(+84) {0}0359-677-657"):
        assert canonical_phone(written.format(mark)).e164 == "+84359677657"
    for written in ("{0}dee@bytetech.io", "d{0}ee@bytetech.io", "dee@byte{0}tech.io", "dee@bytetech.io{0}"):
        assert canonical_email(written.format(mark)) == "dee@bytetech.io"


@pytest.mark.parametrize("written", ["123456789", "+225123456789", "+225 00 01 23 45 67 89"])
def test_a_leading_zero_is_part_of_a_number(written):
    """Where subscribers' numbers begin with a zero, the digits without it, or with more of them, are no phone."""
    with pytest.raises(InvalidPhone):
        canonical_phone(written, region="CI")


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW.items())
@pytest.mark.parametrize("form", ["{0}", "+84{1}", "84{1}", "0084 {1}", "(+84) {0}", "\u200b{0}", "{1}"])
def test_a_number_from_before_2018_is_todays(old, new, form):
    """An eleven-digit Vietnamese mobile from before September 2018, in any form, is today's ten-digit one."""
    written = form.format(f"{old}4567890", f"{old[1:]}4567890")
    assert canonical_phone(written).national == f"{new}4567890"


def test_an_old_number_from_abroad_is_understood_too():
    """An old Vietnamese number with its country code is renumbered in deployments of other regions as well."""
    assert canonical_phone("+84 121 456 7890", region="DE").e164 == "+84794567890"


@pytest.mark.parametrize("written", JUNK)
def test_junk_is_no_phone(written):
    """Text that is no phone number is InvalidPhone, and the error does not quote it."""
    with pytest.raises(InvalidPhone) as caught:
        canonical_phone(written)
    assert caught.value.message == InvalidPhone.default


@pytest.mark.parametrize("written", ["+14155552671", "+442079460958", "+6591234567", "0014155552671"])
def test_a_number_of_another_country_has_no_national_form(written):
    """A foreign number has no national form: without its country code it could be somebody else's."""
    phone = canonical_phone(written)
    assert phone.national is None
    assert phone.forms == (phone.e164, phone.international)


@pytest.mark.parametrize(
    ("region", "written", "e164", "national"),
    [
        ("TH", "081 234 5678", "+66812345678", "0812345678"),
        ("IT", "06 6982 1234", "+390669821234", "0669821234"),
        ("SG", "9123 4567", "+6591234567", "91234567"),
        ("CO", "321 1234567", "+573211234567", "03211234567"),
        ("CI", "01 23 45 67 89", "+2250123456789", "0123456789"),
        ("CI", "+225 01 23 45 67 89", "+2250123456789", "0123456789"),
    ],
)
def test_the_region_decides_what_a_number_without_country_code_means(region, written, e164, national):
    """A number without a country code is of the deployment's region, whose own trunk prefix the national form has."""
    phone = canonical_phone(written, region=region)
    assert (phone.e164, phone.national) == (e164, national)


def _by_the_library(written: str, region: str) -> str | None:
    """Understand a phone with phonenumbers alone."""
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _by_us(written: str, region: str) -> str | None:
    try:
        return canonical_phone(written, region=region).e164
    except InvalidPhone:
        return None


@given(data=st.data(), region=st.sampled_from(REGIONS))
def test_the_fast_path_agrees_with_the_library(data, region):
    """What the prepared expression accepts is what phonenumbers makes of it, national form included."""
    usual = _plan(region).usual
    if usual is None:
        return
    written = data.draw(st.from_regex(usual, fullmatch=True))
    phone = canonical_phone(written, region=region)
    assert phone.e164 == _by_the_library(written, region)
    subscriber = phonenumbers.national_significant_number(_parse(written, region))
    assert phone.national == f"{_plan(region).trunk_prefix}{subscriber}"


@given(
    region=st.sampled_from(REGIONS),
    written=st.one_of(
        st.from_regex(r"0[0-9]{6,11}", fullmatch=True),
        st.from_regex(r"(\+84|84|0084|\+)[0-9]{7,11}", fullmatch=True),
        st.text("0123456789+-(). ", max_size=20),
    ).filter(lambda text: not any(text.find(old[1:]) >= 0 for old in OLD_AND_NEW)),
)
def test_we_agree_with_the_library_on_digits_of_all_sorts(region, written):
    """But for the renumbering of 2018, a phone is what phonenumbers says it is, in every region."""
    assert _by_us(written, region) == _by_the_library(written, region)


@given(st.from_regex(_plan("VN").usual, fullmatch=True))
def test_a_canonical_phone_is_canonical_again(written):
    """Every form of an understood phone is understood as the same phone."""
    phone = canonical_phone(written)
    assert {canonical_phone(form) for form in phone.forms} == {phone}


@given(st.text())
def test_any_text_is_a_phone_or_none(written):
    """Whatever the text, it is a phone or InvalidPhone, and a phone is again itself."""
    try:
        phone = canonical_phone(written)
    except InvalidPhone:
        return
    assert canonical_phone(phone.e164) == phone


@pytest.mark.parametrize(
    "written",
    [
        "dee@bytetech.io",
        "DEE@ByteTech.IO",
        "  dee@bytetech.io\r\n",
        "\u00a0dee@bytetech.io\u3000",
        "\u200bdee@bytetech.io\ufeff",
        "\u202adee@bytetech.io\u202c",
        "\u202ddee@bytetech.io\u202c",
        "dee@\u00adbytetech.io",
    ],
)
def test_every_written_form_of_an_email_is_the_same(written):
    """An email is the same without regard to case, surrounding blanks and invisible characters."""
    assert canonical_email(written) == "dee@bytetech.io"


def test_a_plus_that_arrived_as_a_space_is_a_plus():
    """The plus of a query string that was not encoded arrives as a space, and is a plus again."""
    assert canonical_email("dee pango@bytetech.io") == canonical_email("dee+pango@bytetech.io")


def test_an_email_is_nfc():
    """An accented address in decomposed letters is the one in composed letters."""
    assert canonical_email(unicodedata.normalize("NFD", "tuyền@bytetech.io")) == "tuyền@bytetech.io"


@pytest.mark.parametrize("domain", ["bytetech.test", "bücher.de", "xn--bcher-kva.de", "mail.bytetech.com.vn"])
def test_a_domain_may_be_for_tests_or_international(domain):
    """The reserved domain .test is accepted, and a domain reads the same in Unicode and in Punycode."""
    assert canonical_email(f"dee@{domain}") == f"dee@{'bücher.de' if 'xn--' in domain else domain}"


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "dee", "dee@", "@bytetech.io", "dee@bytetech", "dee@@bytetech.io", "dee@localhost", "a@b@c.io",
        ".dee@bytetech.io", "dee.@bytetech.io", "d..e@bytetech.io", "dee@-bytetech.io", "dee@bytetech..io",
        "dee@bytetech.io, lan@bytetech.io", "Dee <dee@bytetech.io>", "dee@[127.0.0.1]", "dee\x00@bytetech.io",
        "\ud800@bytetech.io", "0359677657", f"dee@{'a' * 64}.io", "a" * 100_000,
    ],
)  # fmt: skip
def test_junk_is_no_email(written):
    """Text that is no email address is InvalidEmail, and the error does not quote it."""
    with pytest.raises(InvalidEmail) as caught:
        canonical_email(written)
    assert caught.value.message == InvalidEmail.default


@given(st.from_regex(_PLAIN_EMAIL, fullmatch=True).filter(lambda email: len(email) <= 64))
def test_the_fast_path_of_emails_is_a_subset_of_the_validators(written):
    """What the plain expression accepts, email-validator accepts unchanged."""
    found = validate_email(written, check_deliverability=False, test_environment=True)
    assert canonical_email(written) == found.normalized.lower() == written


@given(
    st.one_of(st.text(), st.emails(), st.builds("{}@{}".format, st.text(min_size=1), st.sampled_from(["a.vn", "ß.de"])))
)
def test_any_text_is_an_email_or_none(written):
    """Whatever the text, it is an email or InvalidEmail, and a canonical email is canonical again."""
    try:
        email = canonical_email(written)
    except InvalidEmail:
        return
    assert canonical_email(email) == email
    assert email == unicodedata.normalize("NFC", email)


@given(st.emails(domains=st.just("bytetech.io")))
def test_case_and_blanks_never_matter(written):
    """An email in capitals and between blanks is the email."""
    try:
        expected: str | type[ProviderError] = canonical_email(written)
    except InvalidEmail:
        return
    assert canonical_email(f" \t{written.upper()}\n") == expected


@pytest.mark.parametrize("region", ["", "vn", "XX", "Vietnam", "001"])
def test_a_region_that_is_no_country_stops_the_start(region):
    """PHONE_REGION must be a country's two capital letters."""
    with pytest.raises(ConfigurationError, match="PROVIDER_PHONE_REGION"):
        check_region(region)
