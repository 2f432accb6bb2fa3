"""Keep how long a payment may lie untouched, if its caller says so, and what Stripe waits for the shopper to do.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"

COLUMNS = {"expires_after": "interval", "next_action": "jsonb"}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for column, kind in COLUMNS.items():
        op.execute(f"ALTER TABLE payment_intents ADD COLUMN IF NOT EXISTS {column} {kind}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE payment_intents DROP COLUMN {column}")
