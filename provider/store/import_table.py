"""The table of imports that are under way: a bookmark for each, so that an interrupted one goes on where it was."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from provider.store.client_tables import Base, UtcDateTime


class Import(Base):
    """How far one import of one file has come. It is written with the records, and gone when all of them are there.

    `id` is the digest of the file and of how it is read. `position` is the last row that was dealt with,
    `rejected_bytes` how long the file of rejected rows was by then. `warnings` and `reasons` count what was said of the
    records.
    """

    __tablename__ = "provider_import"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    object_type: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(BigInteger)
    read: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    rejected_bytes: Mapped[int] = mapped_column(BigInteger)
    warnings: Mapped[dict[str, Any]] = mapped_column(JSON)
    reasons: Mapped[dict[str, Any]] = mapped_column(JSON)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
