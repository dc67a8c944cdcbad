"""Sample data: a small shop's database, the same on every machine. No real person is in it."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    insert,
    inspect,
)

SOURCE = "demo"
PEOPLE = 240
_SEED = 20180915

metadata = MetaData()

members = Table(
    "members",
    metadata,
    Column("member_code", String(12), primary_key=True),
    Column("full_name", String(80), nullable=False),
    Column("mobile", String(20)),
    Column("mail", String(80)),
    Column("birthday", Date),
    Column("city", String(40)),
    Column("tier", String(10), nullable=False),
    Column("points", Integer, nullable=False),
    Column("total_spent", Numeric(12, 2), nullable=False),
    Column("accepts_email", Boolean, nullable=False),
    Column("joined_on", DateTime, nullable=False),
    Column("password_hash", String(64), nullable=False),
    Index("ix_members_mobile", "mobile"),
    Index("ix_members_mail", "mail"),
)

vouchers = Table(
    "tbl_voucher",
    metadata,
    Column("voucher_code", String(12), primary_key=True),
    Column("mobile", String(20)),
    Column("mail", String(80)),
    Column("is_expired", Boolean, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("created_on", DateTime, nullable=False),
    Index("ix_tbl_voucher_mobile", "mobile"),
    Index("ix_tbl_voucher_mail", "mail"),
)

_SURNAMES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô")
_MIDDLE = ("Văn", "Thị", "Minh", "Ngọc", "Thanh", "Đức", "Hữu", "Quốc", "Thùy", "Bảo")
_GIVEN = (
    "An", "Ánh", "Bình", "Châu", "Cường", "Dũng", "Đạt", "Hà", "Hạnh", "Hiếu", "Hoa", "Hùng", "Hương", "Khánh", "Lan",
    "Linh", "Long", "Mai", "Nam", "Nga", "Phúc", "Phương", "Quân", "Quỳnh", "Sơn", "Tâm", "Thảo", "Trang", "Tú", "Yến",
)  # fmt: skip
_CITIES = ("Hà Nội", "Hồ Chí Minh", "Đà Nẵng", "Cần Thơ", "Hải Phòng", "Huế", "Nha Trang", "Đà Lạt", "Biên Hòa")
_TIERS = ("Bạc", "Vàng", "Bạch kim")
_PREFIXES = ("32", "33", "35", "37", "39", "70", "76", "77", "79", "81", "83", "85", "90", "91", "93", "97", "98")


def load_sample(path: Path) -> bool:
    """Write the sample database; False when the file has it already."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        if inspect(engine).has_table(members.name):
            return False
        _fill(engine)
    finally:
        engine.dispose()
    return True


def _fill(engine: Engine) -> None:
    random_ = random.Random(_SEED)  # noqa: S311 -- sample data must be the same everywhere, not unguessable
    people = [_dee(), *(_person(random_, number) for number in range(1, PEOPLE))]
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(insert(members), people)
        connection.execute(insert(vouchers), _vouchers(random_, people))


def _dee() -> dict[str, Any]:
    """Make the sample person of Pango's document."""
    return {
        "member_code": "M0000",
        "full_name": "Nguyễn Minh Dee",
        "mobile": "0359677657",
        "mail": "dee@bytetech.io",
        "birthday": date(1988, 6, 15),
        "city": "Hồ Chí Minh",
        "tier": "Vàng",
        "points": 1250,
        "total_spent": Decimal("12500000.50"),
        "accepts_email": True,
        "joined_on": datetime(2021, 3, 8, 9, 30),  # noqa: DTZ001 -- as shops keep it: local time without a zone
        "password_hash": "never-shown",
    }


def _person(random_: random.Random, number: int) -> dict[str, Any]:
    surname, middle, given = (random_.choice(names) for names in (_SURNAMES, _MIDDLE, _GIVEN))
    subscriber = f"{random_.choice(_PREFIXES)}{number:03d}{random_.randrange(10_000):04d}"
    stored = random_.choice((f"0{subscriber}", f"+84{subscriber}", f"84{subscriber}"))
    return {
        "member_code": f"M{number:04d}",
        "full_name": f"{surname} {middle} {given}",
        "mobile": stored if number % 12 else None,
        "mail": f"member{number:04d}@example.com" if number % 7 else None,
        "birthday": date(1960, 1, 1) + timedelta(days=random_.randrange(16_000)) if number % 5 else None,
        "city": random_.choice(_CITIES),
        "tier": random_.choice(_TIERS),
        "points": random_.randrange(5_000),
        "total_spent": Decimal(random_.randrange(5_000_000_000)) / 100,
        "accepts_email": random_.random() < 0.5,  # noqa: PLR2004
        "joined_on": datetime(2020, 1, 1) + timedelta(minutes=random_.randrange(3_000_000)),  # noqa: DTZ001
        "password_hash": "never-shown",
    }


def _vouchers(random_: random.Random, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give everybody a voucher, and every third person an older one, which newest_by leaves aside."""
    rows = []
    for number, person in enumerate(people):
        created = datetime(2026, 1, 1) + timedelta(hours=random_.randrange(2_000))  # noqa: DTZ001
        holder = {"mobile": person["mobile"], "mail": person["mail"]}
        newest = {
            "voucher_code": f"V{number:05d}",
            "is_expired": random_.random() < 0.25,  # noqa: PLR2004
            "amount": 10_000 * random_.randint(1, 50),
        }
        if number == 0:
            newest = {"voucher_code": "E094", "is_expired": False, "amount": 10_000}
        rows.append({**holder, **newest, "created_on": created})
        if number % 3 == 0:
            older = {"voucher_code": f"U{number:05d}", "is_expired": True, "amount": 5_000}
            rows.append({**holder, **older, "created_on": created - timedelta(days=400)})
    return rows
