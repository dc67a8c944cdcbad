"""clients and their keys."""

import sqlalchemy as sa
from alembic import op

revision = "305fc3832e8b"
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
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_client")),
        sa.UniqueConstraint("client_id", name=op.f("uq_provider_client_client_id")),
        sa.UniqueConstraint("name", name=op.f("uq_provider_client_name")),
    )
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


def downgrade() -> None:
    with op.batch_alter_table("provider_credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_credential_client_pk"))

    op.drop_table("provider_credential")
    op.drop_table("provider_client")
