"""The record: flat, and writable whatever a database can hold."""

import datetime as dt
import ipaddress
import json
import math
import unicodedata
import uuid
from collections import UserDict
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.range import Range

from provider.contract.record import DEEPEST, flat


class Tier(Enum):
    """An enumeration as an ORM's column gives it."""

    GOLD = "vàng"
    NONE = None


class Level(IntEnum):
    """An enumeration of integers."""

    HIGH = 3


class Colour(StrEnum):
    """An enumeration of text."""

    RED = "đỏ"


class Ratio(float):
    """A subclass of float, which orjson refuses."""


class Count(int):
    """A subclass of int."""


class Word(str):
    """A subclass of str."""

    __slots__ = ()


class Unknown:
    """A type that nothing here knows."""

    def __str__(self):
        return "unknown"


class Point(NamedTuple):
    """A composite type as a driver gives it."""

    x: int
    y: int


HANOI = dt.timezone(dt.timedelta(hours=7))

SHAPED = [
    ("text", "text"),
    ("", ""),
    ("Nguyễn", "Nguyễn"),
    (unicodedata.normalize("NFD", "Nguyễn"), "Nguyễn"),
    ("a\x00b", "a\x00b"),
    ("lone \ud800 surrogate", "lone ? surrogate"),
    (Word("word"), "word"),
    (True, True),
    (False, False),
    (0, 0),
    (2**63 - 1, 2**63 - 1),
    (-(2**63), -(2**63)),
    (2**63, str(2**63)),
    (-(2**63) - 1, str(-(2**63) - 1)),
    (2**64, str(2**64)),
    (10**40, str(10**40)),
    (Count(3), 3),
    (1.5, 1.5),
    (Ratio(1.5), 1.5),
    (Decimal("12500000.50"), 12500000.5),
    (Decimal("0.1"), 0.1),
    (Decimal(5), 5),
    (Decimal("-0.00"), 0.0),
    (Decimal("1E+3"), 1000),
    (Decimal(123456789012345), 123456789012345),
    (Decimal("1234567890123.45"), 1234567890123.45),
    (Decimal(1234567890123456), "1234567890123456"),
    (Decimal("12345678901234.56"), "12345678901234.56"),
    (Decimal("123456789012345E+15"), "123456789012345000000000000000"),
    (Decimal("1E+400"), "1E+400"),
    (Decimal("1E-400"), "1E-400"),
    (dt.date(1988, 6, 15), "1988-06-15"),
    (dt.date.min, "0001-01-01"),
    (dt.datetime(2021, 3, 8, 9, 30), "2021-03-08T09:30:00"),  # noqa: DTZ001 -- as many databases keep it
    (dt.datetime(2021, 3, 8, 9, 30, 0, 250, HANOI), "2021-03-08T09:30:00.000250+07:00"),
    (dt.datetime(2021, 3, 8, tzinfo=dt.UTC), "2021-03-08T00:00:00+00:00"),
    (dt.time(9, 30), "09:30:00"),
    (dt.time(9, 30, tzinfo=HANOI), "09:30:00+07:00"),
    (dt.timedelta(days=1, hours=2, minutes=3, seconds=4), "P1DT2H3M4S"),
    (dt.timedelta(0), "P0DT0H0M0S"),
    (dt.timedelta(microseconds=5), "P0DT0H0M0.000005S"),
    (-dt.timedelta(hours=838, minutes=59, seconds=59), "-P34DT22H59M59S"),
    (b"\x00\xff", "AP8="),
    (b"", ""),
    (bytearray(b"\x00\xff"), "AP8="),
    (memoryview(b"\x00\xff"), "AP8="),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Tier.GOLD, "vàng"),
    (Level.HIGH, 3),
    (Colour.RED, "đỏ"),
    (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
    (ipaddress.ip_network("2001:db8::/32"), "2001:db8::/32"),
    (Range(1, 5), "[1, 5)"),
    (Unknown(), "unknown"),
    ([], "[]"),
    (["a", 1, None, 1.5], '["a",1,null,1.5]'),
    (("a", 1), '["a",1]'),
    (Point(1, 2), "[1,2]"),
    ({"b", "a", "c"}, '["a","b","c"]'),
    (frozenset({2, 1}), "[1,2]"),
    ({"a": {"b": [1]}}, '{"a":{"b":[1]}}'),
    (UserDict({"a": 1}), '{"a":1}'),
    ({1: "a", None: "b", ("c",): "d"}, '{"1":"a","None":"b","(\'c\',)":"d"}'),
    ({"n\u0065\u0302": "e\u0302"}, '{"nê":"ê"}'),
    ({"\ud800": "\udfff"}, '{"?":"?"}'),
    ([Decimal("1.5"), dt.date(2026, 1, 1), b"\xff", uuid.UUID(int=0)],
     '[1.5,"2026-01-01","/w==","00000000-0000-0000-0000-000000000000"]'),
    ([float("nan"), Decimal("NaN"), 2**64], f'[null,null,"{2**64}"]'),
]  # fmt: skip


@pytest.mark.parametrize(("held", "shown"), SHAPED, ids=lambda value: type(value).__name__)
def test_a_value_is_shaped(held, shown):
    """Whatever a driver gives is text, a boolean or a number: dates are ISO 8601, documents JSON text, text NFC."""
    value = flat({"held": held})["held"]
    assert value == shown
    assert type(value) is type(shown) or isinstance(value, type(shown))
    assert isinstance(shown, bool) == isinstance(value, bool)
    assert orjson.loads(orjson.dumps({"held": value})) == {"held": shown}


@pytest.mark.parametrize(
    "held",
    [
        None, float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        Decimal("-Infinity"), Ratio("nan"), Tier.NONE,
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_value_is_left_out(held):
    """Null, and a number that is none, are left out of the record."""
    assert flat({"held": held, "kept": 1}) == {"kept": 1}


def test_fields_keep_their_names_and_their_order():
    """The record has the dataset's field names in the dataset's order."""
    assert list(flat({"b": 1, "tên": 2, "a": None, "c": 3})) == ["b", "tên", "c"]


def test_a_document_ends_at_the_depth_orjson_can_write():
    """A document that is too deep is cut; the answer does not fail."""
    nested: object = "bottom"
    for _ in range(100_000):
        nested = [nested]
    text = flat({"nested": nested})["nested"]
    assert text == "[" * (DEEPEST + 1) + "null" + "]" * (DEEPEST + 1)


def test_a_document_of_usual_depth_is_whole():
    """A document as deep as databases admit is shown whole."""
    nested: object = "bottom"
    for _ in range(DEEPEST):
        nested = {"a": nested}
    assert json.loads(flat({"nested": nested})["nested"]) == nested


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_exact(number):
    """A decimal goes out as a number only when reading the number gives its digits back, else as text."""
    value = flat({"amount": number})["amount"]
    written = json.loads(orjson.dumps(value), parse_float=Decimal)
    assert Decimal(written) == number


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_money_is_a_number(number):
    """An amount of up to fifteen digits goes out as a number."""
    assert not isinstance(flat({"amount": number})["amount"], str)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=None),
    st.text(st.characters(codec=None)),
    st.binary(),
    st.binary().map(bytearray),
    st.binary().map(memoryview),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
    st.complex_numbers(),
    st.fractions(),
    st.sampled_from([*Tier, *Level, *Colour]),
    st.builds(Range, st.integers(), st.none()),
    st.builds(object),
)
_KEYS = st.one_of(st.text(st.characters(codec=None)), st.integers(), st.none(), st.booleans(), st.floats(), st.dates())
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.dictionaries(st.text(max_size=4), inner, max_size=4).map(UserDict),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _DOCUMENTS, max_size=5))
def test_nothing_a_database_can_hold_makes_json_fail(found):
    """Every record is an object of scalars that orjson writes and any reader of strict JSON reads."""
    shaped = flat(found)
    assert set(shaped) <= set(found)
    for value in shaped.values():
        assert isinstance(value, (str, bool, int, float))
        if isinstance(value, float):
            assert math.isfinite(value)
        if isinstance(value, str):
            assert value == unicodedata.normalize("NFC", value)
    assert orjson.loads(orjson.dumps(shaped)) == shaped


@given(st.one_of(st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)))
def test_shaping_twice_changes_nothing(value):
    """A shaped record is shaped again into itself."""
    once = flat({"field": value})
    assert flat(once) == once


def test_objects_end_at_the_depth_orjson_can_write():
    """Objects within objects are cut where orjson would fail, as lists are."""
    deep = {}
    for _ in range(400):
        deep = {"in": deep}
    assert orjson.dumps(flat({"v": deep}))


def test_a_set_of_several_types_has_one_order():
    """A set is shown in the order of its members as text, whatever their types."""
    assert flat({"v": {2, "b", 10, "a"}}) == flat({"v": [10, 2, "a", "b"]})
