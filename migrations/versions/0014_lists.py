"""Index what lists are filtered by, and keep until when a dispute can be answered.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0014"
down_revision = "0013"

INDEXES = {
    "ix_payment_intents_status": "payment_intents (status, id)",
    "ix_payment_intents_amount": "payment_intents (amount, id)",
    "ix_payment_intents_currency": "payment_intents (currency, id)",
    "ix_payment_intents_customer": "payment_intents ((requested_terms ->> 'customer'), id)"
    " WHERE (requested_terms ->> 'customer') IS NOT NULL",
    "ix_payment_intents_flagged": "payment_intents (id) WHERE flags <> '[]'",
    "ix_payment_intents_paid_at": "payment_intents (paid_at, id) WHERE paid_at IS NOT NULL",
    "ix_payment_attempts_card_last4": "payment_attempts (card_last4, payment_intent_id) WHERE card_last4 IS NOT NULL",
    "ix_refunds_created_at": "refunds (created_at, id)",
    "ix_refunds_status": "refunds (status, created_at, id)",
    "ix_disputes_opened_at": "disputes (opened_at, id)",
    "ix_disputes_status": "disputes (status, opened_at, id)",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE disputes ADD COLUMN IF NOT EXISTS due_by timestamptz")
    op.execute("ALTER TABLE disputes ADD COLUMN IF NOT EXISTS is_charge_refundable boolean")
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            create_index_concurrently(name, definition)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            drop_index_concurrently(name)
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE disputes DROP COLUMN IF EXISTS is_charge_refundable")
    op.execute("ALTER TABLE disputes DROP COLUMN IF EXISTS due_by")
