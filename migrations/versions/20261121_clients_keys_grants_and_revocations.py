"""Clients, keys, grants and revocations."""

import sqlalchemy as sa
from alembic import op

revision = "8de06e8703fc"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_client",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=32), nullable=False),
        sa.Column("envelope", sa.JSON(), nullable=False),
        sa.Column("grants", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("auth_methods", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_client")),
        sa.UniqueConstraint("client_id", name=op.f("uq_provider_client_client_id")),
        sa.UniqueConstraint("name", name=op.f("uq_provider_client_name")),
    )
    op.create_table(
        "provider_revocation",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_revocation")),
    )
    with op.batch_alter_table("provider_revocation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_revocation_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "provider_credential",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("client_pk", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["client_pk"], ["provider_client.id"], name=op.f("fk_provider_credential_client_pk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_credential")),
    )
    with op.batch_alter_table("provider_credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_credential_client_pk"), ["client_pk"], unique=False)

    op.create_table(
        "provider_grant",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("client_pk", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=True),
        sa.Column("code_challenge", sa.String(length=128), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["client_pk"], ["provider_client.id"], name=op.f("fk_provider_grant_client_pk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_grant")),
    )
    with op.batch_alter_table("provider_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_grant_client_pk"), ["client_pk"], unique=False)
        batch_op.create_index(batch_op.f("ix_provider_grant_expires_at"), ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("provider_grant")
    op.drop_table("provider_credential")
    op.drop_table("provider_revocation")
    op.drop_table("provider_client")
