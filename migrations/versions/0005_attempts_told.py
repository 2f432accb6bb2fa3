"""Count on each PaymentIntent the attempts that Stripe reported: most have none, and their attempts need no query.

Revision ID: 0005
Revises: 0004
"""

import uuid

import sqlalchemy as sa
from alembic import op

from app.db.migration_steps import has_column

revision = "0005"
down_revision = "0004"


# Each batch is a transaction of some milliseconds, and waits for no lock that a shopper's request holds for long.
BATCH = 1_000


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    if not has_column("payment_intents", "attempts_told"):
        op.add_column(
            "payment_intents", sa.Column("attempts_told", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
    # Outside of the transaction that locks the table. A pending attempt that was finished later was reported twice, but
    # it is enough to count it once.
    with op.get_context().autocommit_block():
        _count_attempts()


def _count_attempts() -> None:
    connection, last = op.get_bind(), uuid.UUID(int=0)
    while True:
        counted = connection.execute(
            sa.text(
                """
                WITH told AS (
                    SELECT payment_intent_id, count(*) AS count FROM payment_attempts
                    WHERE payment_intent_id > :last
                    GROUP BY payment_intent_id ORDER BY payment_intent_id LIMIT :batch
                )
                UPDATE payment_intents SET attempts_told = GREATEST(attempts_told, told.count)
                FROM told WHERE payment_intents.id = told.payment_intent_id
                RETURNING payment_intents.id
                """
            ),
            {"last": last, "batch": BATCH},
        )
        ids = [row.id for row in counted]
        if not ids:
            return
        last = max(ids)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("payment_intents", "attempts_told")
