"""Imports that are under way."""

import sqlalchemy as sa
from alembic import op

revision = "c1f2a7d94e60"
down_revision = "5d0c8e1f7a42"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_import",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("object_type", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("rejected_bytes", sa.BigInteger(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_import")),
    )


def downgrade() -> None:
    op.drop_table("provider_import")
