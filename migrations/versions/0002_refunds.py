"""Add refunds: each reserves its amount before Stripe is called, so that together they never exceed what was received.

`payment_intents` is locked only for a moment. The new column's default is constant, so no row is rewritten. Its CHECK
is validated afterwards, while others go on writing.

Stop the processes of the release before this one: they record refunds without reserving, which the CHECK refuses.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db.migration_steps import has_column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    if not has_column("payment_intents", "amount_reserved"):
        _add_refunds()
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE payment_intents VALIDATE CONSTRAINT ck_payment_intents_amount_reserved")


def _add_refunds() -> None:
    op.add_column(
        "payment_intents",
        sa.Column("amount_reserved", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_payment_intents_amount_reserved"),
        "payment_intents",
        "amount_reserved >= amount_refunded",
        postgresql_not_valid=True,
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_intent_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("refusal", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("opening", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint("currency ~ '^[a-z]{3}$'", name=op.f("ck_refunds_currency")),
        sa.CheckConstraint("origin IN ('api', 'stripe')", name=op.f("ck_refunds_origin")),
        sa.CheckConstraint(
            "(origin = 'api') = (num_nonnulls(opening, client, idempotency_key, fingerprint) = 4)",
            name=op.f("ck_refunds_request"),
        ),
        sa.CheckConstraint(
            "stripe_id IS NOT NULL OR (origin = 'api' AND coalesce(status, 'refused') = 'refused')",
            name=op.f("ck_refunds_answer"),
        ),
        sa.CheckConstraint(
            "(status IS NOT DISTINCT FROM 'refused') = (refusal IS NOT NULL)", name=op.f("ck_refunds_refusal")
        ),
        sa.CheckConstraint("status IS NOT NULL OR check_at IS NOT NULL", name=op.f("ck_refunds_never_forgotten")),
        sa.ForeignKeyConstraint(
            ["payment_intent_id"], ["payment_intents.id"], name=op.f("fk_refunds_payment_intent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_refunds_stripe_id")),
        sa.UniqueConstraint("client", "idempotency_key", name=op.f("uq_refunds_client_idempotency_key")),
    )
    op.create_index(op.f("ix_refunds_payment_intent_id"), "refunds", ["payment_intent_id"], unique=False)
    op.create_index(
        "ix_refunds_due", "refunds", ["check_at"], unique=False, postgresql_where=sa.text("check_at IS NOT NULL")
    )


def downgrade() -> None:
    """Raise NotImplementedError: the record of what was refunded must not be lost."""
    raise NotImplementedError("restore the backup instead")
