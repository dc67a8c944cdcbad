"""The table of suppressed people: those whose data is no longer served."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from provider.store.table_base import Base, UtcDateTime


class Suppression(Base):
    """One identifier of one suppressed person, as a keyed hash that does not reveal it.

    Identifiers that were suppressed together share a `person`, and are restored together; two people may share an
    email. Each person also has one digest that depends on the key only: it shows when the key was changed.
    """

    __tablename__ = "provider_suppression"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(String(16), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
