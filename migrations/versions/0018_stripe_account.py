"""Remember the Stripe account, and have rows looked at that were closed while Stripe may still take a payment.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "stripe_account",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_stripe_account_is_only")),
        sa.CheckConstraint("mode IN ('live', 'test')", name=op.f("ck_stripe_account_mode")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_stripe_account")),
    )
    # There are only few: they were brought back after the restore of a backup.
    op.execute(
        """
        UPDATE payment_intents SET needs_refresh = true, due_at = now()
        WHERE closed_at IS NOT NULL AND stripe_id IS NOT NULL AND status NOT IN ('succeeded', 'canceled')
        """
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("stripe_account")
