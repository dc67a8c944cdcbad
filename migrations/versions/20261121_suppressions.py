"""People who are not to be served any more."""

import sqlalchemy as sa
from alembic import op

revision = "5d0c8e1f7a42"
down_revision = "48fb651cdbc9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_suppression",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "person", name=op.f("pk_provider_suppression")),
    )
    op.create_index(op.f("ix_provider_suppression_person"), "provider_suppression", ["person"])


def downgrade() -> None:
    op.drop_index(op.f("ix_provider_suppression_person"), table_name="provider_suppression")
    op.drop_table("provider_suppression")
