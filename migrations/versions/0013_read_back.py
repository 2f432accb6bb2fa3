"""Keep what is read back: who asked for a cancel, when it was paid, the card's country and wallet, the hold's end.

`closed_reason` gets words of its own, which say who canceled.

Revision ID: 0013
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0007"

# Each batch is a transaction of some milliseconds, and waits for no lock that a shopper's request holds for long.
BATCH = 1_000

ADDED = {
    "payment_intents": {"cancel_requested_by": "text", "paid_at": "timestamptz"},
    "payment_attempts": {"card_country": "text", "card_wallet": "text", "capture_before": "timestamptz"},
}

# The actor of the newest request to cancel, and when the success was recorded.
CANCEL_REQUESTED_BY = """
(SELECT e.actor FROM domain_events AS e WHERE e.payment_intent_id = p.id AND e.type = 'payment_intent.cancel_requested'
 ORDER BY e.id DESC LIMIT 1)
"""
PAID_AT = """
(SELECT max(e.created_at) FROM domain_events AS e WHERE e.payment_intent_id = p.id
 AND e.type = 'payment_intent.succeeded')
"""
CLOSED_REASON = f"""
CASE
    WHEN p.closed_reason IN ('refused', 'failed', 'followed', 'surplus', 'requested', 'card_testing', 'replaced',
        'hold_expired', 'stripe', 'dashboard') THEN p.closed_reason
    WHEN {CANCEL_REQUESTED_BY} IS NOT NULL THEN 'requested'
    WHEN p.closed_reason = 'abandoned' THEN 'abandoned'
    WHEN p.closed_reason = 'fraudulent' THEN 'card_testing'
    WHEN p.closed_reason = 'expired' THEN 'hold_expired'
    WHEN p.closed_reason IN ('automatic', 'failed_invoice', 'void_invoice') THEN 'stripe'
    ELSE 'dashboard'
END
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table, columns in ADDED.items():
        for name, kind in columns.items():
            op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {kind}")
    with op.get_context().autocommit_block():
        _fill_what_is_final()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table, columns in ADDED.items():
        for name in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")


def _fill_what_is_final() -> None:
    """Fill the new columns of paid and closed rows, a batch at a time. What was filled before comes to the same."""
    connection = op.get_bind()
    last = "00000000-0000-0000-0000-000000000000"
    while True:
        found = connection.execute(
            sa.text(
                f"""
                UPDATE payment_intents AS p
                SET paid_at = coalesce(p.paid_at, {PAID_AT}),
                    cancel_requested_by = CASE WHEN p.closed_at IS NOT NULL
                        THEN coalesce(p.cancel_requested_by, {CANCEL_REQUESTED_BY}) END,
                    closed_reason = CASE WHEN p.closed_at IS NOT NULL THEN {CLOSED_REASON} END
                WHERE p.id IN (
                    SELECT id FROM payment_intents
                    WHERE id > :last AND (closed_at IS NOT NULL OR status = 'succeeded')
                    ORDER BY id LIMIT {BATCH}
                )
                RETURNING p.id
                """  # noqa: S608 - our own text
            ),
            {"last": last},
        )
        ids = sorted(row.id for row in found)
        if not ids:
            return
        last = ids[-1]
