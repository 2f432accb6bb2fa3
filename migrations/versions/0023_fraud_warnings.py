"""Find a payment by Stripe's id of an early fraud warning.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0023"
down_revision = "0022"

INDEX = "ix_domain_events_stripe_warning_id"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        create_index_concurrently(
            INDEX, "domain_events ((data ->> 'stripe_warning_id')) WHERE type = 'fraud_warning.created'"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop_index_concurrently(INDEX)
