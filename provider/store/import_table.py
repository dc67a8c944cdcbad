"""The table of unfinished imports: how far each has come, so that an interrupted one can continue."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from provider.store.table_base import Base, UtcDateTime


class Import(Base):
    """How far one import of one file has come. It is written with each batch, and deleted when the import ends.

    `id` is a digest of the file and of the options. `position` is the number of the last row that was stored or
    rejected; `rejected_bytes` is the size of the file of rejected rows at that row. `warnings` and `reasons` count how
    often each warning and each reason for a rejection came.
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
