"""What a column holds, judged by its name in English or Vietnamese."""

import re
import unicodedata

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_NAME = 40

# Words are compared one by one, stems anywhere in the name: many tables write names in one piece.
_PHONE_WORDS = frozenset({"dt", "tel", "cell", "sdt", "zalo", "telephone", "msisdn", "phones", "fone"})
_PHONE_STEMS = ("phone", "mobile", "dienthoai", "sodt", "didong", "dtdd", "sdt", "telno", "msisdn")
_EMAIL_WORDS = frozenset({"mail", "emails", "mails", "thudt"})
_EMAIL_STEMS = ("email", "thudientu")
_ABOUT = frozenset(
    {
        "verified", "confirmed", "status", "type", "os", "model", "code", "country", "at", "ext", "otp", "brand",
        "mailing", "count", "opt", "valid", "carrier", "operator", "subscribed", "template", "campaign", "is", "sent",
    }
)  # fmt: skip
_SOMEBODY_ELSE = frozenset(
    {"emergency", "store", "shop", "staff", "company", "office", "parent", "fax", "receiver", "branch", "supplier"}
    | {"home", "work", "old", "secondary", "alt", "other", "backup", "billing", "shipping", "cty", "nha", "phu"}
)

_PERSON = (
    r"(member|customer|cust|client|user|loyalty|card|account|person|contact|kh|khach(_hang)?|hoi_vien|thanh_vien|the)"
)
_KEY = re.compile(
    rf"(ma|so)_?{_PERSON}|{_PERSON}_?(code|no|number|num|id|ref|key|uuid|guid)|(ma)(kh|khachhang|hoivien|thanhvien|the)"
)
_NOT_A_KEY = re.compile(r"(type|card_(no|number|num)|account_(no|number|num)|so_the|so_tai_khoan)")
_CREATED = re.compile(
    r"(date_?)?(created?|inserted|registered|joined|signed_?up|added|ordered|issued)(_?(at|on|date|time|dt|ts|utc))*"
    r"|(create|creation|insert|join|registration|register|signup|entry|order|issue|rental|payment|purchase)_?"
    r"(date|time|at|on|ts|dt)|date_(added|created|joined)|(ngay|thoi_gian|tg|ngay_gio)_?(tao|lap|dang_?ky|them|mua|ban)"
    r"|joined|since"
)
_UPDATED = re.compile(
    r"(date_?)?(last_?)?(updated?|modified|changed|edited)(_?(at|on|date|time|dt|ts|utc))*"
    r"|(update|modify|modification|change)_?(date|time|at|on|ts|dt)|timestamp|last_update"
    r"|(ngay|thoi_gian|tg|ngay_gio)_?(cap_?nhat|sua|thay_doi|chinh_sua)"
)

_SECRET = re.compile(
    r"(^|_)(pass|passwd|pwd|password|passcode|passphrase|secret|token|otp|pin|salt|cvv|cvc|hash|mk|credential|nonce"
    r"|signature|cookie|session|totp|mfa|2fa)s?(_|$)|pass_?(word|hash|wd|code)|mat_?khau|(api|auth|private|secret|access"
    r"|encryption)_?key|security_|token|secret|ma_pin|authentication|private"
)

_PERSONAL_DATA = {
    "birth date": re.compile(r"birth|(^|_)(dob|bday|sinh)(_|$)|(ng|ngay|nam)_?sinh|sinh_?nhat"),
    "id number": re.compile(
        r"(^|_)(cmnd|cccd|cmt|ssn|nin|pid)(_|$)|passport|(national|identity|citizen|personal)_?(id|no|number|card|code)"
        r"|id_?(card|number|no)(_|$)|identity|can_?cuoc|chung_?minh|giay_?to|ma_?so_?thue|(^|_)(mst|tax)(_|$)|ho_?chieu"
        r"|licen[cs]e|bhxh|bao_?hiem"
    ),
    "bank or card": re.compile(
        r"bank|ngan_?hang|(^|_)(stk|iban|swift|visa)(_|$)|(card|account|acct)_?(no|num|number|holder)|so_?tai_?khoan"
        r"|so_?the|credit|tai_?khoan"
    ),
    "address": re.compile(
        r"addr|dia_?chi|street|(^|_)(ward|phuong|xa|quan|huyen|tinh|city|district|province|zip|postal|postcode|county"
        r"|village|duong|lat|lng|lon|latitude|longitude|geo|state)(_|$)|thanh_?pho|location|vi_?tri"
    ),
    "money": re.compile(
        r"salary|luong|income|thu_?nhap|balance|so_?du|debt|(cong|du)_no(_|$)|spent|chi_?tieu|revenue|doanh_?thu"
    ),
    "sex": re.compile(r"gender|(^|_)(sex|phai)(_|$)|gioi_?tinh"),
    "sensitive": re.compile(
        r"health|medical|disease|benh|blood|religion|ton_?giao|ethnic|dan_?toc|marital|hon_?nhan|politic"
    ),
    "device": re.compile(r"(^|_)(ip|device|mac|user_?agent|imei|fingerprint)(_|$)|ip_?addr"),
    "social account": re.compile(r"facebook|(^|_)(fb|zalo|uid|viber|telegram|instagram|skype|social)(_|$)"),
    "picture": re.compile(r"avatar|photo|picture|(^|_)(anh|hinh|image|face)(_|$)"),
    "free text": re.compile(
        r"note|ghi_?chu|remark|comment|description|mo_?ta|feedback|message|noi_?dung|(^|_)memo(_|$)"
    ),
    "name": re.compile(
        r"name|(^|_)(ten|ho|hoten|surname|dem|nick|login|alias|author|contact|spouse|vo|chong)(_|$)|ho_?(va_?)?ten"
    ),
}
"""How the names of columns look that hold each kind of personal data."""

_HARMLESS = re.compile(
    r"((member|membership|customer|loyalty|card|cust|client|vip|reward)_)?"
    r"(tier|rank|grade|level|points?|segment|point_balance|total_points)(_(code|name|level|balance))?"
    r"|(hang|cap|loai|bac|cap_bac|nhom|diem|diem_tich_luy|diem_tl|so_diem|tong_diem|trang_thai|tinh_trang|het_han)"
    r"(_(the|thanh_vien|khach_hang|kh|hoi_vien|thuong))?"
    r"|((member|membership|customer|order|voucher|card|account)_)?status|(is_)?(active|activebool|expired|enabled|vip)"
    r"|(con_)?hieu_luc|currency|tien_te"
)


def words(name: str) -> list[str]:
    """Split a name into lower-case words without accents: `SốĐiệnThoại` gives so, dien, thoai."""
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return [word.lower() for part in _NO_WORD.split(plain) for word in _CAMEL.split(part) if word]


def field_name(column: str) -> str:
    """Name a record's field after a column: camelCase without accents; empty when no letter or digit is left."""
    first, *rest = words(column) or [""]
    name = (first + "".join(word.capitalize() for word in rest))[:_LONGEST_NAME]
    return f"field{name.capitalize()}" if name[:1].isdigit() else name


def likely_phone(column: str) -> int:
    """Tell whether a column's name means the person's phone: 0 no, 1 maybe somebody else's, 2 yes."""
    return _likely(words(column), _PHONE_WORDS, _PHONE_STEMS)


def likely_email(column: str) -> int:
    """Tell whether a column's name means the person's email: 0 no, 1 maybe somebody else's, 2 yes."""
    return _likely(words(column), _EMAIL_WORDS, _EMAIL_STEMS)


def _likely(parts: list[str], known: frozenset[str], stems: tuple[str, ...]) -> int:
    compact = "".join(parts)
    if not known.intersection(parts) and not any(stem in compact for stem in stems):
        return 0
    if _ABOUT.intersection(parts):
        return 0
    return 1 if _SOMEBODY_ELSE.intersection(parts) else 2


def likely_key(column: str) -> bool:
    """Tell whether a column's name means the number or code that a person has with the partner."""
    plain = "_".join(words(column))
    return bool(_KEY.fullmatch(plain)) and not _NOT_A_KEY.search(plain)


def likely_row_date(column: str) -> int:
    """Tell whether a column's name means when a row was written: 0 no, 1 when it was changed, 2 when it was made."""
    plain = "_".join(words(column))
    if _CREATED.fullmatch(plain):
        return 2
    return 1 if _UPDATED.fullmatch(plain) else 0


def likely_secret(column: str) -> bool:
    """Tell whether a column's name means something secret, such as a password."""
    return bool(_SECRET.search("_".join(words(column))))


def likely_harmless(column: str) -> bool:
    """Tell whether a column's name is certain to mean nothing personal, such as a tier or points."""
    return bool(_HARMLESS.fullmatch("_".join(words(column)))) and not personal_kind(column)


def personal_kind(column: str) -> str | None:
    """Give the kind of personal data that a column's name hints at, None for none."""
    if likely_phone(column):
        return "phone"
    if likely_email(column):
        return "email"
    plain = "_".join(words(column))
    return next((kind for kind, pattern in _PERSONAL_DATA.items() if pattern.search(plain)), None)
