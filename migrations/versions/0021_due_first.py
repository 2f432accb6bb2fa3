"""Index what the sweep takes first: what a crash or an unknown outcome left behind.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0021"
down_revision = "0020"

INDEX = "ix_payment_intents_due_first"
DEFINITION = (
    "payment_intents (due_at) WHERE due_at IS NOT NULL AND"
    " (lease_token IS NOT NULL OR recheck_after IS NOT NULL OR needs_refresh OR is_cancel_requested)"
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        create_index_concurrently(INDEX, DEFINITION)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop_index_concurrently(INDEX)
