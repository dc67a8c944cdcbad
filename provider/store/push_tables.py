"""The tables of the way out: pushes and their outbox, dead letters, callbacks, rate windows; and the webhook inbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from provider.store.client_tables import Base, UtcDateTime

Number = BigInteger().with_variant(Integer, "sqlite")
"""A key that counts up: SQLite counts only in a column of the type INTEGER."""

Payload = LargeBinary().with_variant(mysql.LONGBLOB, "mysql", "mariadb")
"""JSON as it goes over the wire; a MySQL BLOB ends at 64 KiB."""

Exact = String(255).with_variant(mysql.VARCHAR(255, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
"""Text that is compared byte by byte: MySQL's own collations take C1 and c1 for the same."""


LONGEST_TYPE = 64
"""Characters of an object type. Pango's own are shorter."""


class Push(Base):
    """One run of `provider push`: where its records come from, what goes beside them, and how far reading has come.

    `origin` names what is read, `request` holds the members of every request beside the entries and the query
    parameters. `position` counts the records that were read into the outbox, so that an interrupted push reads on from
    there. `reader` is who reads: only that one may append, so that two resumes at once do not read twice. `read_at`
    says when it was done reading.
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
    """Entries of one push that wait to be sent: a row leaves with Pango's answer, and its personal data with it.

    `payload` is the JSON array of entries. `due_at` and `leased_until` are seconds since 1970: a sender takes a batch
    by writing the end of its lease, so that a batch whose sender died is free again.
    """

    __tablename__ = "provider_batch"
    __table_args__ = (Index("ix_provider_batch_push_id", "push_id", "due_at"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    push_id: Mapped[str] = mapped_column(ForeignKey(Push.id))
    records: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes] = mapped_column(Payload)
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float] = mapped_column(Double)
    leased_until: Mapped[float] = mapped_column(Double)
    message: Mapped[str | None] = mapped_column(Text)


class DeadLetter(Base):
    """One record that cannot be stored at Pango, with what Pango, or our own check of it, said."""

    __tablename__ = "provider_dead_letter"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    push_id: Mapped[str] = mapped_column(ForeignKey(Push.id), index=True)
    ref_id: Mapped[str | None] = mapped_column(Exact)
    payload: Mapped[bytes] = mapped_column(Payload)
    code: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(Text)
    died_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Sent(Base):
    """A record Pango queued and of which a callback is awaited."""

    __tablename__ = "provider_sent"

    push_id: Mapped[str] = mapped_column(ForeignKey(Push.id), primary_key=True)
    ref_id: Mapped[str] = mapped_column(Exact, primary_key=True)


class CallbackResult(Base):
    """What Pango last said of a record, also of one no push of ours knows ("Data Ingestion Callback").

    `status` 200 is stored, anything else failed. `checksum` is as it was received.
    """

    __tablename__ = "provider_callback_result"

    ref_id: Mapped[str] = mapped_column(Exact, primary_key=True)
    status: Mapped[int] = mapped_column(Integer)
    cdp_id: Mapped[str | None] = mapped_column(String(255))
    message: Mapped[str | None] = mapped_column(Text)
    checksum: Mapped[str | None] = mapped_column(String(255))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RateState(Base):
    """How much of each rate window is used, shared by everybody who sends with the same credentials.

    `name` tells those credentials apart without being one, `state` is the limiter's own.
    """

    __tablename__ = "provider_rate"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[bytes] = mapped_column(Payload)


class Webhook(Base):
    """One call of Pango's webhook, kept until its handler is done with it.

    `state` is `waiting`, `done` or `failed`. `due_at` and `leased_until` are seconds since 1970.
    """

    __tablename__ = "provider_webhook"
    __table_args__ = (Index("ix_provider_webhook_state", "state", "due_at"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    client: Mapped[str] = mapped_column(String(64))
    payload: Mapped[bytes] = mapped_column(Payload)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float] = mapped_column(Double)
    leased_until: Mapped[float] = mapped_column(Double)
    message: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
