"""Pushes, callbacks and webhooks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "22b860c174ca"
down_revision = "8de06e8703fc"
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
payload = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
exact = sa.String(length=255).with_variant(
    mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=255), "mysql", "mariadb"
)


def upgrade() -> None:
    op.create_table(
        "provider_callback_result",
        sa.Column("ref_id", exact, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("cdp_id", sa.String(length=255), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("checksum", sa.String(length=255), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("ref_id", name=op.f("pk_provider_callback_result")),
    )
    op.create_table(
        "provider_push",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("object_type", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("reader", sa.String(length=16), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_push")),
    )
    op.create_table(
        "provider_rate",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", payload, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_provider_rate")),
    )
    op.create_table(
        "provider_webhook",
        sa.Column("id", number, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("payload", payload, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("leased_until", sa.Double(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_webhook")),
    )
    with op.batch_alter_table("provider_webhook", schema=None) as batch_op:
        batch_op.create_index("ix_provider_webhook_state", ["state", "due_at"], unique=False)

    op.create_table(
        "provider_batch",
        sa.Column("id", number, nullable=False),
        sa.Column("push_id", sa.String(length=16), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("payload", payload, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("leased_until", sa.Double(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["push_id"], ["provider_push.id"], name=op.f("fk_provider_batch_push_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_batch")),
    )
    with op.batch_alter_table("provider_batch", schema=None) as batch_op:
        batch_op.create_index("ix_provider_batch_push_id", ["push_id", "due_at"], unique=False)

    op.create_table(
        "provider_dead_letter",
        sa.Column("id", number, nullable=False),
        sa.Column("push_id", sa.String(length=16), nullable=False),
        sa.Column("ref_id", exact, nullable=True),
        sa.Column("payload", payload, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("died_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["push_id"], ["provider_push.id"], name=op.f("fk_provider_dead_letter_push_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_dead_letter")),
    )
    with op.batch_alter_table("provider_dead_letter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_dead_letter_push_id"), ["push_id"], unique=False)

    op.create_table(
        "provider_sent",
        sa.Column("push_id", sa.String(length=16), nullable=False),
        sa.Column("ref_id", exact, nullable=False),
        sa.ForeignKeyConstraint(["push_id"], ["provider_push.id"], name=op.f("fk_provider_sent_push_id")),
        sa.PrimaryKeyConstraint("push_id", "ref_id", name=op.f("pk_provider_sent")),
    )


def downgrade() -> None:
    op.drop_table("provider_sent")
    op.drop_table("provider_dead_letter")
    op.drop_table("provider_batch")
    op.drop_table("provider_webhook")
    op.drop_table("provider_rate")
    op.drop_table("provider_push")
    op.drop_table("provider_callback_result")
