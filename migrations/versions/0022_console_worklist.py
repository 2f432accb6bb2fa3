"""Find the few payments whose newest price Stripe refused, for the worklist of the console.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0022"
down_revision = "0021"

NAME = "ix_payment_intents_price_refused"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        create_index_concurrently(NAME, "payment_intents (id) WHERE refused_revision IS NOT NULL AND closed_at IS NULL")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop_index_concurrently(NAME)
