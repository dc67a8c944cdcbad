"""Guesses the field of each column from its name, in English or Vietnamese, or from its values."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from marshmallow.fields import Field

from provider.assist.inspection.column_meaning import (
    likely_email,
    likely_key,
    likely_phone,
    likely_row_date,
    likely_secret,
    personal_kind,
    words,
)
from provider.assist.inspection.value_meaning import looks_like_email
from provider.contract.entities import Entity, fields
from provider.contract.identity import phone_or_none
from provider.records.importing.field_values import read_phone
from provider.records.importing.file_rows import BrokenRow
from provider.records.importing.header_names import find_field, plain_name
from provider.records.importing.readers import FileRows

ColumnGuesses = dict[str, tuple[str, str]]
"""For each column its likely field, "" for none, and the reason."""

_SAMPLE_ROWS = 200
_SHARE = 0.8
_CERTAIN = 2
_MONTHS = 12
_SLASHED = re.compile(
    r"\d{1,2}(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)\d{4}(?P<clock> \d{1,2}:\d\d(?P<seconds>:\d\d)?)?", re.ASCII
)
_SURNAMES = frozenset({"ho", "hodem", "holot", "hovatendem"})
_NOT_A_PERSON = frozenset({"product", "pham", "sp", "store", "shop", "cua", "campaign", "template", "file"})
"""Words in a header that show that a name is not a person's."""

_NAMES: Sequence[tuple[str, str]] = (
    (r"(ma_|so_)?(the|hoi_vien|thanh_vien|member(ship)?|card|loyalty)(_?(id|code|no|number))?", "membershipId"),
    (r"(ma|so)_(the|thanh_vien|hoi_vien)(_thanh_vien)?", "membershipId"),
    (r"(hang|loai|cap|bac)(_(the|thanh_vien|hoi_vien|kh|khach_hang))?", "membershipType"),
    (r"tier|(member|membership|card)_?(type|level|rank|tier)", "membershipType"),
    (r"(ngay|thoi_gian)_(cap|phat_hanh|mo)(_the)?|issued?_?(date|at|on)|joined(_(date|at|on))?", "membershipIssuedAt"),
    (r"(so_)?diem(_(hien_tai|con_lai|kha_dung|tich_luy_hien_tai))?|points?|(point_)?balance", "loyaltyPoint"),
    (r"(tong_)?diem_(tich_luy|tich|tl|cong)|(total|earned?)_points?", "earnPoint"),
    (r"diem_(da_)?(doi|su_dung|dung|tru)|(redeem(ed)?|spent|used)_points?", "redeemPoint"),
    (r"ho|first_?name", "firstName"),
    (r"ten_dem|dem|middle_?name", "middleName"),
    (r"ho_(dem|lot|va_ten_dem)", "firstName"),
    (r"(gioi_tinh|phai|sex|gender)", "gender"),
    (r"nam_sinh|birth_?year|yob", "yob"),
    (r"(so_)?(cmnd|cccd|cmt)(_cccd)?|can_cuoc(_cong_dan)?|identity_?(card|no|number)", "identityNo"),
    (r"ho_chieu|passport(_?(no|number))?", "passportNo"),
    (r"(nhom|phan_khuc|hang)(_(kh|khach_hang))?|segment|(customer_)?group", "customerGroup"),
    (r"tinh_trang_hon_nhan|hon_nhan|marital", "maritalStatus"),
    (r"ton_giao|religion", "religious"),
    (r"quoc_gia|nuoc", "country"),
    (r"(tinh|thanh_pho|tp|tinh_thanh(_pho)?|tinh_tp|province)", "city"),
    (r"(quan|huyen|quan_huyen)", "district"),
    (r"(phuong|xa|phuong_xa)", "ward"),
    (r"(dia_chi|so_nha|duong|street|addr)(_.*)?", "address"),
    (r"toa_nha|chung_cu", "building"),
    (r"ma_buu_(chinh|dien)|zip|post_?(al)?_?code", "zipCode"),
    (r"ngon_ngu", "language"),
    (r"trang_thai|tinh_trang|state_of_.*", "status"),
    (r"(ma_)?(cua_hang|chi_nhanh)|store|branch", "storeId"),
    (r"nguon(_khach_hang)?|source", "sourceName"),
    (r"(moi_)?quan_he", "relationship"),
    (r"ma_san_pham|sku|ma_sp|ma_hang", "productSku"),
    (r"(ten_)?(san_pham|sp|hang_hoa)|product", "productName"),
    (r"(danh_muc|nhom_hang|loai_san_pham)|category", "productCategory"),
    (r"(so_luong|sl|qty)", "quantity"),
    (r"(don_)?gia(_ban)?", "price"),
    (r"gia(_ban)?", "productPrice"),
    (r"noi_dung|binh_luan|danh_gia", "content"),
    (r"tieu_de", "title"),
    (r"(so_)?sao|diem_danh_gia|stars?", "rating"),
    (r"(the|nhan|tags?)", "tags"),
    (r"(link|duong_dan)_anh|anh|photo|image", "imageUrl"),
    (r"ly_do", "reason"),
    (r"chien_dich|campaign", "campaignName"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern), field) for pattern, field in _NAMES)
_PERSONAL_FIELDS = {"name": ("fullName", "customerName"), "birth date": ("dob",)}


def guess_columns(entity: Entity, rows: FileRows, *, region: str) -> tuple[ColumnGuesses, str | None]:
    """Guess the field of each column; also return the --time-format that its times need, None for none.

    No field is given to two columns. The first 200 rows are read.
    """
    samples: dict[str, list[Any]] = {header: [] for header in rows.headers or ()}
    for _, row in islice(rows, _SAMPLE_ROWS):
        if not isinstance(row, BrokenRow):
            for header, value in row.items():
                if value is not None and value != "":
                    samples.setdefault(header, []).append(value)
    guesses: ColumnGuesses = {}
    for find_fields, why in (
        (_by_field_name, "the field's name"),
        (partial(_by_given_name, headers=samples), "by its name"),
        (_by_pattern, "by its name"),
        (_by_meaning, "by its name"),
        (partial(_by_values, samples=samples, region=region), "by what is in it"),
    ):
        _add_guesses(guesses, samples, partial(find_fields, entity), why)
    advised: ColumnGuesses = {}
    time_format = None
    for header, values in samples.items():
        field, why = guesses.get(header, ("", "?"))
        if needed := _time_format(entity.fields.get(field), values):
            why += f"; needs --time-format '{needed}'"
            time_format = time_format or needed
        advised[header] = (field, why)
    return advised, time_format


def _add_guesses(
    guesses: ColumnGuesses, headers: dict[str, Any], find: Callable[[str], Iterator[str]], why: str
) -> None:
    """Add what one way of guessing finds, for columns and fields that were not found before."""
    taken = {field for field, _ in guesses.values()}
    for header in headers:
        if header not in guesses and (field := next((one for one in find(header) if one not in taken), None)):
            guesses[header] = (field, why)
            taken.add(field)


def _by_field_name(entity: Entity, header: str) -> Iterator[str]:
    if path := find_field(entity, header):
        yield str(path)


def _by_given_name(entity: Entity, header: str, *, headers: Iterable[str]) -> Iterator[str]:
    """Guess that "Tên" is the given name, if another column holds surnames only."""
    if plain_name(header) == "ten" and "lastName" in entity.fields and _SURNAMES.intersection(map(plain_name, headers)):
        yield "lastName"


def _by_pattern(entity: Entity, header: str) -> Iterator[str]:
    name = "_".join(words(header))
    return (field for pattern, field in _PATTERNS if field in entity.fields and pattern.fullmatch(name))


def _by_meaning(entity: Entity, header: str) -> Iterator[str]:
    """Guess with the words that `provider dataset new` uses for the columns of a table."""
    if likely_secret(header):
        return
    for likely, identifier in ((likely_phone, "phone"), (likely_email, "email")):
        if identifier in entity.person and likely(header) == _CERTAIN:
            yield entity.person[identifier]
    if likely_key(header) and "customerId" in entity.fields:
        yield "customerId"
    if (age := likely_row_date(header)) and entity.newest_by:
        yield entity.newest_by[-1 if age == _CERTAIN else 0]
    if not _NOT_A_PERSON.intersection(words(header)):
        yield from (field for field in _PERSONAL_FIELDS.get(personal_kind(header) or "", ()) if field in entity.fields)


def _by_values(entity: Entity, header: str, *, samples: dict[str, list[Any]], region: str) -> Iterator[str]:
    """Guess by what most values of the column are."""
    values = samples[header]
    for looks, identifier in ((looks_like_email, "email"), (partial(_looks_like_phone, region=region), "phone")):
        if identifier in entity.person and values and sum(map(looks, values)) >= _SHARE * len(values):
            yield entity.person[identifier]


def _looks_like_phone(value: Any, *, region: str) -> bool:
    found = phone_or_none(str(read_phone(value, region=region)), region=region)
    return found is not None and found.national is not None


def _time_format(field: Field[Any] | None, values: Iterable[Any]) -> str | None:
    """Return the format of times that need --time-format: day first, unless a value makes that impossible."""
    written = [match for value in values if isinstance(value, str) and (match := _SLASHED.fullmatch(value.strip()))]
    if not written or not isinstance(field, (fields.Timestamp, fields.TextDate)):
        return None
    mark, clock, seconds = written[0]["mark"], written[0]["clock"], written[0]["seconds"]
    is_month_first = any(int(match["second"]) > _MONTHS for match in written)
    day = f"%m{mark}%d{mark}%Y" if is_month_first else f"%d{mark}%m{mark}%Y"
    return day + (" %H:%M" if clock else "") + (":%S" if seconds else "")
