"""Find payments by e-mail address, by the beginning of a cart's id, and by a request at Stripe.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0016"
down_revision = "0015"

INDEXES = {
    "ix_payment_intents_email_hash": "payment_intents (email_hash, id) WHERE email_hash IS NOT NULL",
    "ix_payment_intents_reference_prefix": "payment_intents (reference_id text_pattern_ops)",
    "ix_domain_events_stripe_request_id": "domain_events (stripe_request_id) WHERE stripe_request_id IS NOT NULL",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE payment_intents ADD COLUMN IF NOT EXISTS email_hash bytea")
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            create_index_concurrently(name, definition)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            drop_index_concurrently(name)
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE payment_intents DROP COLUMN IF EXISTS email_hash")
