"""Values as people write them, and as Pango's entities hold them; what says two things is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from provider.contract.entities import DOCUMENTED
from provider.records.importing.row_conversion import RowConversion

MARCH_8 = 1615170600000
"""2021-03-08 09:30 in Viet Nam."""


def convert(header, value, object_type="customer-membership", region="VN", others=None, **options):
    """Convert one value; give what stands in the record, or None, and the problem, or None."""
    record, problems = RowConversion(DOCUMENTED[object_type], {}, region=region, **options)(
        {**(others or {}), header: value}
    )
    return record.get(header), problems.get(header)


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("0901234567", "0901234567"),
        ("901234567", "0901234567"),
        (901234567, "0901234567"),
        (901234567.0, "0901234567"),
        ("901234567.0", "0901234567"),
        ("9.01234567E8", "0901234567"),
        ("9.01234567E+08", "0901234567"),
        ("84901234567", "84901234567"),
        (84901234567.0, "84901234567"),
        ("+84 901 234 567", "+84 901 234 567"),
        ("9.01E+08", "9.01E+08"),
        ("9.0123457E+08", "9.0123457E+08"),
        (12345, "12345"),
        ("12345.0", "12345.0"),
        ("090 123", "090 123"),
        ("call me", "call me"),
    ],
)
def test_phones_get_back_what_a_spreadsheet_took(written, phone):
    """A phone that went through a number is repaired when all its digits are there; anything else stays as it is."""
    assert convert("customerPhone", written) == (phone, None)


def test_phones_of_other_countries_get_no_zero():
    """In a country whose numbers begin with no 0, none is put there."""
    assert convert("customerPhone", "2025550123", region="US") == ("2025550123", None)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("5000", 5000),
        (" 5000 ", 5000),
        ("-12", -12),
        ("5000.0", 5000),
        ("5.00", 5),
        (5000.0, 5000),
        ("1.250.000", 1250000),
        ("1,250,000", 1250000),
        ("-1.250.000", -1250000),
        ("1 250", 1250),
        ("1\u00a0250\u00a0000", 1250000),
        ("9223372036854775807", 9223372036854775807),
    ],
)
def test_whole_numbers(written, number):
    """A whole number is read as it is, with a fraction of nothing, or with separators that can only be of thousands."""
    assert convert("loyaltyPoint", written) == (number, None)


@pytest.mark.parametrize("written", ["1.250", "1,250", "1.250,5", "1.25.000", "12.5", "5k", "٣", "1e3", "0x10", "--1"])
def test_numbers_that_say_two_things_or_none_are_refused(written):
    """A single separator of thousands or decimals is not guessed, and what is no number is told so."""
    kept, problem = convert("loyaltyPoint", written)
    assert kept == written
    assert problem


@pytest.mark.parametrize(
    ("written", "number"),
    [("50000", 50000), ("1.5", 1.5), ("-.5", -0.5), ("1.250.000", 1250000), ("1.5e3", 1500), (2.5, 2.5)],
)
def test_numbers_with_decimals(written, number):
    """A number is read with a point before its decimals."""
    assert convert("price", written, "customer-product-activity") == (number, None)


@pytest.mark.parametrize("written", ["50.000", "1,5", "nan", "inf", "1e999x", ""])
def test_prices_are_not_divided_by_a_thousand(written):
    """50.000 is refused: in Viet Nam it is fifty thousand; so is a comma, and what is no number."""
    kept, problem = convert("price", written, "customer-product-activity")
    assert problem or kept is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[(written, True) for written in ("TRUE", "1", "yes", "Có", 1, 1.0, True)],
        *[(written, False) for written in ("false", "0", "No", "không", "KHÔNG", 0, 0.0, False)],
    ],
)
def test_true_and_false(written, read):
    """True and false are read in English and Vietnamese, as 1 and 0, and as a spreadsheet's own."""
    assert convert("primary", written, "customer-identity-email") == (read, None)


@pytest.mark.parametrize(
    "written",
    [
        "2021-03-08 09:30",
        "2021-03-08T09:30:00.000",
        "2021-03-08T02:30:00Z",
        "2021-03-08T03:30:00+01:00",
        "20210308T0930",
        str(MARCH_8),
        MARCH_8,
        float(MARCH_8),
        f"{MARCH_8}.0",
        datetime(2021, 3, 8, 9, 30),  # noqa: DTZ001 -- as Excel gives it
        datetime(2021, 3, 8, 2, 30, tzinfo=UTC),
    ],
)
def test_times_are_kept_as_true_utc(written):
    """ISO 8601 with and without an offset, milliseconds, and cells of Excel are the same point in time."""
    assert convert("membershipIssuedAt", written) == (MARCH_8, None)


@pytest.mark.parametrize(
    ("options", "hours", "offset"),
    [
        ({}, None, 7),
        ({}, 0, 0),
        ({}, "9", 9),
        ({"zone": UTC}, 7, 0),
        ({"zone": ZoneInfo("Asia/Tokyo")}, None, 9),
        ({"zone": timezone(timedelta(hours=-5))}, None, -5),
    ],
)
def test_where_a_time_without_an_offset_is_from(options, hours, offset):
    """It is from the zone that is given, else from the row's timezoneGmt, else from Viet Nam."""
    kept, _ = convert("membershipIssuedAt", "2021-03-08 09:30", others={"timezoneGmt": hours}, **options)
    assert kept == MARCH_8 + (7 - offset) * 3_600_000


def test_elsewhere_a_time_without_an_offset_is_refused():
    """Where the region is not Viet Nam and nobody says the zone, a time without an offset is refused."""
    kept, problem = convert("membershipIssuedAt", "2021-03-08 09:30", region="US")
    assert kept == "2021-03-08 09:30"
    assert "--zone" in problem
    assert convert("membershipIssuedAt", "2021-03-08 09:30Z", region="US")[1] is None


@pytest.mark.parametrize(
    ("time_format", "written"),
    [("%d/%m/%Y %H:%M", "08/03/2021 09:30"), ("%Y%m%d%H%M", "202103080930"), ("%d/%m/%Y", "2021-03-08 09:30")],
)
def test_times_in_a_format_of_their_own(time_format, written):
    """A time is read by --time-format first, then as ISO 8601 or milliseconds."""
    assert convert("membershipIssuedAt", written, time_format=time_format) == (MARCH_8, None)


@pytest.mark.parametrize("written", ["08/03/2021", "20210308", "tomorrow", "2021-02-30", "2021"])
def test_times_that_say_two_things_or_none_are_refused(written):
    """The order of day and month is not guessed, nor whether digits are a day; a year alone is warned of as a time."""
    kept, problem = convert("membershipIssuedAt", written)
    if written == "2021":
        assert DOCUMENTED["customer-membership"].warnings({"membershipIssuedAt": kept})
    else:
        assert "--time-format" in problem


@pytest.mark.parametrize("written", ["1988-06-15", date(1988, 6, 15), datetime(1988, 6, 15)])  # noqa: DTZ001
def test_days_as_text(written):
    """A day as text comes from text or from a cell of Excel."""
    assert convert("dob2", written, "customer-identity") == ("1988-06-15", None)
    assert convert("dob2", "15/06/1988", "customer-identity", time_format="%d/%m/%Y") == ("1988-06-15", None)


def test_a_birthday_is_midnight_where_the_person_lives():
    """The birthday of Pango's own sample, as a day without a time, becomes the sample's milliseconds."""
    assert convert("dob", "1988-06-15", "customer-identity") == (582310800000, None)


@pytest.mark.parametrize("written", ["a; b;c;", '["a", "b", "c"]', ["a", "b", "c"]])
def test_lists_in_a_cell(written):
    """A list is an array, as JSON too, or text with ; between."""
    assert convert("nickNames", written, "customer-identity") == (["a", "b", "c"], None)


@pytest.mark.parametrize(
    ("written", "meant"), [("Nam", "male"), ("Nữ", "female"), ("nu", "female"), ("MALE", "male"), ("Khác", "Khác")]
)
def test_genders(written, meant):
    """A gender is read in English and Vietnamese; another word stays as it is."""
    assert convert("gender", written, "customer-identity") == (meant, None)


def test_numbers_a_spreadsheet_shortened_are_no_keys():
    """A key like 1.23457E+12 is refused: it would be the key of many records. Elsewhere such text is text."""
    assert "shortened" in convert("membershipId", "1.23457E+12")[1]
    assert convert("membershipId", "1E5") == ("1E5", None)
    assert "shortened" in convert("membershipId", 1.234567890123457e17)[1]
    assert "shortened" in convert("membershipId", 4111111111111110.0)[1]
    assert "shortened" in convert("customerId", "1.23457E+12")[1]
    assert convert("membershipId", 411111111111111.0) == ("411111111111111", None)
    assert convert("membershipId", 9704051234567890123) == ("9704051234567890123", None)
    assert convert("status", "1.23457E+12") == ("1.23457E+12", None)


def test_custom_fields_find_their_map():
    """A custom field is known with or without the name of its map, and a whole map as JSON; blank ones are left out."""
    row = {
        "customField01": "a",
        "customFieldTexts.customField02": "b",
        "Custom Field Long 01": "1.250.000",
        "customfieldtimestamp01": "2021-03-08 09:30",
        "CUSTOMFIELDLIST01": "x;y",
        "customFieldLongs": '{"customFieldLong02": "2", "customFieldLong03": null}',
        "customField03": " ",
        "customFieldX": "nothing",
    }
    record, problems = RowConversion(DOCUMENTED["customer-membership"], {}, region="VN")(row)
    assert problems == {}
    assert record == {
        "customFieldTexts": {"customField01": "a", "customField02": "b"},
        "customFieldLongs": {"customFieldLong01": 1250000, "customFieldLong02": 2},
        "customFieldTimestamps": {"customFieldTimestamp01": MARCH_8},
        "customFieldListTexts": {"customFieldList01": ["x", "y"]},
    }


@pytest.mark.parametrize("value", ["00", True, [1]])
def test_a_custom_field_beside_a_map_that_is_none(value):
    """What is no map of custom fields stays as it is, also when a column of its members follows."""
    record, _ = RowConversion(DOCUMENTED["customer-membership"], {}, region="VN")(
        {"customFieldTexts": value, "customField01": "a"}
    )
    assert record == {"customFieldTexts": value}


@pytest.mark.parametrize("header", ["membershipId", "Membership ID", "membership_id", "MEMBERSHIPID", "Mêmbership-Id"])
def test_headers_are_known_however_they_are_written(header):
    """Case, spaces, signs and accents do not matter in a header."""
    record, _ = RowConversion(DOCUMENTED["customer-membership"], {}, region="VN")({header: "M1"})
    assert record == {"membershipId": "M1"}


def test_unknown_keys_pass_only_where_they_are_wanted():
    """Unknown headers are left out; with keeps_unknown they are kept, unless the mapping leaves them out."""
    entity, row = DOCUMENTED["customer-membership"], {"membershipId": "M1", "x": [1], "y": 2}
    assert RowConversion(entity, {}, region="VN")(row)[0] == {"membershipId": "M1"}
    assert RowConversion(entity, {"y": ""}, region="VN", keeps_unknown=True)(row)[0] == {"membershipId": "M1", "x": [1]}


def test_two_keys_for_one_field_are_refused():
    """A record that gives a field twice, differently written, is refused: none of the two is the right one for sure."""
    _, problems = RowConversion(DOCUMENTED["customer-membership"], {}, region="VN")(
        {"membershipId": "1", "membership_id": "2"}
    )
    assert problems == {"membershipId": "is given twice"}
