"""Name domain events as other services read them, and say which PaymentIntent and cart version each means.

Stop the processes of the last release before this one: what they write while it runs keeps its old name.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

# Each batch is a transaction of some milliseconds; nothing else writes these rows: the log only grows.
BATCH = 1_000

PRICE = ("amount", "currency")
OPENED = ("payment.opened", *PRICE, "generation", "previous_payment_intent_id", "is_adopted")
CANCELED = ("payment.canceled", *PRICE, "reason", "canceled_by", "stripe_code")
REFUND = ("refund_id", "stripe_refund_id", *PRICE, "reason", "origin")
FAILED = ("refund.failed", *REFUND, "status", "previous_status", "failure_reason", "stripe_code", "is_customer_repaid")
DISPUTE = ("stripe_dispute_id", *PRICE, "status", "reason", "due_by")

# By the old name: the new one, and what its data has.
NAMES = {
    "payment_intent.opened": OPENED,
    "payment_intent.adopted": OPENED,
    "payment_intent.requires_action": ("payment.action_required", *PRICE),
    "payment_intent.processing": ("payment.processing", *PRICE),
    "payment_intent.requires_capture": ("payment.authorized", *PRICE, "amount_capturable"),
    "payment_intent.succeeded": ("payment.succeeded", *PRICE, "amount_received"),
    "payment_intent.canceled": CANCELED,
    "payment_intent.refused": CANCELED,
    "payment_intent.failed": CANCELED,
    "payment_intent.gone": CANCELED,
    "payment_intent.moved": ("payment.attached_to_cart", "session_id", "cart_id"),
    "payment_intent.flagged": ("payment.flagged", "flag"),
    "payment_intent.unflagged": ("payment.unflagged", "flag"),
    "payment_intent.cancel_refused": ("payment.cancel_refused", "reason"),
    "payment_attempt.failed": ("attempt.failed", "attempt_id", *PRICE, "failure_code", "decline_code"),
    "payment_attempt.succeeded": ("attempt.succeeded", "attempt_id", *PRICE),
    "refund.requested": ("refund.requested", *REFUND),
    "refund.succeeded": ("refund.succeeded", *REFUND),
    "refund.failed": FAILED,
    "refund.canceled": FAILED,
    "refund.refused": FAILED,
    "dispute.won": ("dispute.closed", *DISPUTE),
    "dispute.lost": ("dispute.closed", *DISPUTE),
    "dispute.warning_closed": ("dispute.closed", *DISPUTE),
    "dispute.prevented": ("dispute.closed", *DISPUTE),
    "dispute.first": ("dispute.opened", *DISPUTE),
    "dispute.later": ("dispute.updated", *DISPUTE),
    "refund.first": ("refund.requested", *REFUND),
    "other": ("payment.noted", "earlier_type", "earlier_amount", "earlier_currency"),
}

# What is carried over already, by a run that was interrupted, is left alone. Facts are taken from the event's data, and
# what it lacked from its PaymentIntent. Of what has no name any more its price is kept.
CARRY_OVER = f"""
WITH names (earlier, name, fields) AS (
    VALUES {", ".join(f"('{old}', '{new[0]}', ARRAY {list(new[1:])})" for old, new in NAMES.items())}
),
found AS (
    SELECT e.id, e.type, p.stripe_id, coalesce(names.name, 'payment.noted') AS name,
        coalesce(names.fields, ARRAY ['earlier_type', 'earlier_amount', 'earlier_currency']) AS fields,
        jsonb_build_object(
            'amount', coalesce(p.amount, (p.requested_terms ->> 'amount')::bigint),
            'currency', coalesce(p.currency, p.requested_terms ->> 'currency'),
            'generation', p.generation,
            'previous_payment_intent_id', p.previous_id,
            'is_adopted', e.type = 'payment_intent.adopted',
            'amount_capturable', e.data -> 'amount',
            'canceled_by', CASE
                WHEN e.type <> 'payment_intent.canceled' OR p.closed_reason IN ('hold_expired', 'stripe') THEN 'stripe'
                WHEN p.closed_reason = 'dashboard' THEN 'dashboard'
                WHEN p.closed_reason = 'requested' THEN coalesce(p.cancel_requested_by, 'service')
                ELSE 'service'
            END,
            'stripe_refund_id', e.data -> 'stripe_id',
            'stripe_dispute_id', e.data -> 'stripe_id',
            'status', split_part(e.type, '.', 2),
            'is_customer_repaid', false,
            'earlier_type', e.type,
            'earlier_amount', e.data -> 'amount',
            'earlier_currency', e.data -> 'currency',
            'reason', CASE e.type
                WHEN 'payment_intent.refused' THEN 'refused'
                WHEN 'payment_intent.failed' THEN 'failed'
                WHEN 'payment_intent.gone' THEN 'gone'
                ELSE coalesce(p.closed_reason, 'stripe')
            END
        ) || e.data AS facts
    FROM domain_events AS e
    LEFT JOIN payment_intents AS p ON p.id = e.payment_intent_id
    LEFT JOIN names ON names.earlier = CASE
        WHEN e.type IN (SELECT earlier FROM names) THEN e.type
        WHEN e.type LIKE 'refund.%' AND e.data ->> 'origin' = 'stripe' AND NOT EXISTS (
            SELECT FROM domain_events AS earlier
            WHERE earlier.payment_intent_id = e.payment_intent_id AND earlier.type LIKE 'refund.%'
                AND earlier.data ->> 'refund_id' = e.data ->> 'refund_id' AND earlier.id < e.id
        ) THEN 'refund.first'
        WHEN e.type NOT LIKE 'dispute.%' THEN 'other'
        WHEN EXISTS (
            SELECT FROM domain_events AS earlier
            WHERE earlier.payment_intent_id = e.payment_intent_id AND earlier.type LIKE 'dispute.%'
                AND coalesce(earlier.data ->> 'stripe_id', earlier.data ->> 'stripe_dispute_id')
                    = e.data ->> 'stripe_id'
                AND earlier.id < e.id
        ) THEN 'dispute.later'
        ELSE 'dispute.first'
    END
    WHERE e.id >= :first AND e.id < :first + {BATCH}
        AND NOT (e.type = ANY (:names) AND NOT e.data ? 'stripe_id')
)
UPDATE domain_events AS e
SET type = found.name,
    stripe_id = found.stripe_id,
    cart_version = (e.data ->> 'cart_version')::bigint,
    data = (SELECT jsonb_object_agg(field, found.facts -> field) FROM unnest(found.fields) AS field)
FROM found
WHERE e.id = found.id
"""  # noqa: S608 - our own text


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE domain_events ADD COLUMN IF NOT EXISTS stripe_id text")
    op.execute("ALTER TABLE domain_events ADD COLUMN IF NOT EXISTS cart_version bigint")
    op.execute("ALTER TABLE domain_events ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 1")
    with op.get_context().autocommit_block():
        _carry_over()


def downgrade() -> None:
    """Keep the new names: the release before reads none."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE domain_events DROP COLUMN IF EXISTS version")
    op.execute("ALTER TABLE domain_events DROP COLUMN IF EXISTS cart_version")
    op.execute("ALTER TABLE domain_events DROP COLUMN IF EXISTS stripe_id")


def _carry_over() -> None:
    connection = op.get_bind()
    newest = connection.execute(sa.text("SELECT coalesce(max(id), 0) FROM domain_events")).scalar_one()
    names = sorted({new[0] for new in NAMES.values()})
    for first in range(1, newest + 1, BATCH):
        connection.execute(sa.text(CARRY_OVER), {"first": first, "names": names})
