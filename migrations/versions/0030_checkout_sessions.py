"""Let a payment be made in a Checkout Session: keep its id, and how it stands.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0030"
down_revision = "0029"

COLUMNS = {"is_checkout": "boolean NOT NULL DEFAULT false", "checkout_id": "text", "checkout": "jsonb"}
NAME = "uq_payment_intents_checkout_id"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for column, kind in COLUMNS.items():
        op.execute(f"ALTER TABLE payment_intents ADD COLUMN IF NOT EXISTS {column} {kind}")
    with op.get_context().autocommit_block():
        create_index_concurrently(NAME, "payment_intents (checkout_id) WHERE checkout_id IS NOT NULL", is_unique=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop_index_concurrently(NAME)
    op.execute("SET LOCAL lock_timeout = '2s'")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE payment_intents DROP COLUMN IF EXISTS {column}")
