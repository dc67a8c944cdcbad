"""The tables of clients: who may call, their credentials, one-time secrets and revocations."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from provider.store.table_base import Base, UtcDateTime


class Client(Base):
    """An API consumer, for instance one Pango organisation.

    `envelope` holds the names that differ from the deployment's. `grants` maps each dataset that it may read to
    the fields it may see with their masks (null: all fields), and has a key `webhook:<name>` for each webhook that it
    may call; a null `grants` allows all datasets and webhooks. A null `auth_methods` allows all methods of the
    deployment. `networks` are the networks it may call from; an empty list allows any. `redirect_uris` are the
    addresses that OAuth may send a browser back to.
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
    """One secret of a client: its public id, a keyed hash of the rest, and the last four characters to show people."""

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
    """A secret that is used once to get a token: a consent code, an authorization code or a refresh token.

    All secrets that follow from one consent share a `family`, so that they can be revoked together.
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
    """The id of an access token, or of a family of one-time secrets, that was revoked before it expired."""

    __tablename__ = "provider_revocation"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
