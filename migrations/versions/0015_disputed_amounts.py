"""Keep what disputes hold back and what was lost in them beside a PaymentIntent's other sums.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"

COLUMNS = ("amount_disputed", "amount_lost")

# Disputes are few. A write of the release before does not touch these columns.
FILL = """
UPDATE payment_intents AS p
SET amount_disputed = d.disputed, amount_lost = d.lost
FROM (
    SELECT payment_intent_id,
        coalesce(sum(amount) FILTER (WHERE status IN ('needs_response', 'under_review')
            AND is_charge_refundable IS NOT TRUE), 0) AS disputed,
        coalesce(sum(amount) FILTER (WHERE status = 'lost'), 0) AS lost
    FROM disputes
    GROUP BY payment_intent_id
) AS d
WHERE d.payment_intent_id = p.id
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE payment_intents ADD COLUMN IF NOT EXISTS {column} bigint NOT NULL DEFAULT 0")
    with op.get_context().autocommit_block():
        op.execute(FILL)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE payment_intents DROP COLUMN {column}")
