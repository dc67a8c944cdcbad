"""The service's own tables. Their names begin with provider_: a partner's tables may live in the same database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """An aware point in time, kept as UTC to the second in every database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return value and value.astimezone(UTC).replace(tzinfo=None, microsecond=0)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return value and value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables of the provider database; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Client(Base):
    """An API consumer, for instance one Pango organisation.

    `envelope` holds the names it has of its own. `grants` maps the datasets it may read to the fields it may see with
    their masks, null for all, and has `webhook:` and its name for each webhook it may call; a null `grants` is every
    dataset and webhook, a null `auth_methods` every method the deployment allows. `networks` are the networks it may
    call from, none for any. `redirect_uris` are where OAuth may send a browser back to.
    """

    __tablename__ = "provider_client"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    client_id: Mapped[str] = mapped_column(String(32), unique=True)
    envelope: Mapped[dict[str, Any]] = mapped_column(JSON)
    grants: Mapped[dict[str, dict[str, str | None] | None] | None] = mapped_column(JSON(none_as_null=True))
    auth_methods: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    networks: Mapped[list[str]] = mapped_column(JSON)
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    credentials: Mapped[list["Credential"]] = relationship(
        back_populates="client", order_by="Credential.created_at", cascade="all, delete-orphan"
    )


class Credential(Base):
    """One secret of a client: the public id, a keyed hash of the rest, and the last four characters for people."""

    __tablename__ = "provider_credential"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    client_pk: Mapped[int] = mapped_column(ForeignKey(Client.id), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    last_four: Mapped[str] = mapped_column(String(4))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    client: Mapped[Client] = relationship(back_populates="credentials")


class OneTimeSecret(Base):
    """A secret of one use on the way to a token: a consent code, an authorization code or a refresh token.

    `family` ties together all that came of one consent, so that it can be revoked as a whole.
    """

    __tablename__ = "provider_grant"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    client_pk: Mapped[int] = mapped_column(ForeignKey(Client.id), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    family: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(Text)
    redirect_uri: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Revocation(Base):
    """The id of an access token, or of a family of one-time secrets, that was revoked before its time."""

    __tablename__ = "provider_revocation"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
