"""Add disputes, and how far the reconcile has read Stripe's events.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "disputes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_intent_id", sa.Uuid(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_disputes_amount")),
        sa.ForeignKeyConstraint(
            ["payment_intent_id"], ["payment_intents.id"], name=op.f("fk_disputes_payment_intent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_disputes_stripe_id")),
    )
    op.create_index(op.f("ix_disputes_payment_intent_id"), "disputes", ["payment_intent_id"], unique=False)
    op.create_table(
        "reconcile_progress",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.CheckConstraint("after IS NULL OR until IS NOT NULL", name=op.f("ck_reconcile_progress_after")),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_reconcile_progress")),
    )


def downgrade() -> None:
    op.drop_table("reconcile_progress")
    op.drop_table("disputes")
