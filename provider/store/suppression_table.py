"""The table of people who are not to be served any more."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from provider.store.client_tables import Base, UtcDateTime


class Suppression(Base):
    """One identifier of one suppressed person: a keyed hash, from which nobody can tell whose it is.

    `person` ties together what was suppressed at once, so that it is lifted at once; two people may share an email.
    Each person has the key's own seal among their digests, by which a change of the key is noticed.
    """

    __tablename__ = "provider_suppression"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str] = mapped_column(String(16), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
