"""The tables of ingestion: pushes, batches, dead letters, callbacks, rate windows, and webhooks."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from provider.store.table_base import Base, RowId, UtcDateTime, exact_text

Payload = LargeBinary().with_variant(mysql.LONGBLOB, "mysql", "mariadb")
"""JSON as it goes over the wire; a MySQL BLOB ends at 64 KiB."""

RefId = exact_text(255)

LONGEST_TYPE = 64
"""Characters of an object type. Pango's own are shorter."""


class Push(Base):
    """One run of `provider push`: where its records come from, and how far it has come.

    `origin` says what is read. `request` holds the query parameters, and the members of every request other than the
    entries. `position` counts the records that were read into the outbox: an interrupted push continues there. `reader`
    is the process that reads. Only this one may append to the outbox, so that two resumes at once do not read twice.
    `read_at` is when all records had been read.
    """

    __tablename__ = "provider_push"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    object_type: Mapped[str] = mapped_column(String(LONGEST_TYPE))
    origin: Mapped[dict[str, Any]] = mapped_column(JSON)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    reader: Mapped[str | None] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(BigInteger)
    accepted: Mapped[int] = mapped_column(BigInteger)
    dead: Mapped[int] = mapped_column(BigInteger)
    requests: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Batch(Base):
    """Entries of one push that wait to be sent. Pango's answer deletes the row, and the personal data in it.

    `payload` is the JSON array of entries. `due_at` and `leased_until` are seconds since 1970. A sender takes a batch
    by writing the end of its lease; when a sender dies, its lease ends and the batch is free again.
    """

    __tablename__ = "provider_batch"
    __table_args__ = (Index("ix_provider_batch_push_id", "push_id", "due_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    push_id: Mapped[str] = mapped_column(ForeignKey(Push.id))
    records: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes] = mapped_column(Payload)
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float] = mapped_column(Double)
    leased_until: Mapped[float] = mapped_column(Double)
    message: Mapped[str | None] = mapped_column(Text)


class DeadLetter(Base):
    """One record that could not be stored at Pango, and the reason, from Pango or from our own check."""

    __tablename__ = "provider_dead_letter"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    push_id: Mapped[str] = mapped_column(ForeignKey(Push.id), index=True)
    ref_id: Mapped[str | None] = mapped_column(RefId)
    payload: Mapped[bytes] = mapped_column(Payload)
    code: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(Text)
    died_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Sent(Base):
    """A record that Pango queued, and whose callback has not come yet."""

    __tablename__ = "provider_sent"

    push_id: Mapped[str] = mapped_column(ForeignKey(Push.id), primary_key=True)
    ref_id: Mapped[str] = mapped_column(RefId, primary_key=True)


class CallbackResult(Base):
    """Pango's last callback about a record, also about one that we did not push ("Data Ingestion Callback").

    `status` 200 means stored; any other means failed. `checksum` is as it was received.
    """

    __tablename__ = "provider_callback_result"

    ref_id: Mapped[str] = mapped_column(RefId, primary_key=True)
    status: Mapped[int] = mapped_column(Integer)
    cdp_id: Mapped[str | None] = mapped_column(String(255))
    message: Mapped[str | None] = mapped_column(Text)
    checksum: Mapped[str | None] = mapped_column(String(255))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RateState(Base):
    """How much of each rate window is used; all senders with the same credentials share a row.

    `name` stands for the credentials and does not reveal them. `state` is the rate limiter's own format.
    """

    __tablename__ = "provider_rate"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[bytes] = mapped_column(Payload)


class Webhook(Base):
    """One call of a webhook by Pango, kept until its handler has finished.

    `state` is `waiting`, `done` or `failed`. `due_at` and `leased_until` are seconds since 1970.
    """

    __tablename__ = "provider_webhook"
    __table_args__ = (Index("ix_provider_webhook_state", "state", "due_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    client: Mapped[str] = mapped_column(String(64))
    payload: Mapped[bytes] = mapped_column(Payload)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float] = mapped_column(Double)
    leased_until: Mapped[float] = mapped_column(Double)
    message: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
