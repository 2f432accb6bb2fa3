"""Count on each PaymentIntent the attempts that Stripe reported: most have none, and their attempts need no query.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column(
        "payment_intents", sa.Column("attempts_told", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    # Outside of the transaction that locks the table. A pending attempt that was finished later was reported twice, but
    # it is enough to count it once.
    with op.get_context().autocommit_block():
        op.execute(
            "UPDATE payment_intents SET attempts_told = GREATEST(attempts_told, told.count) FROM"
            " (SELECT payment_intent_id, count(*) AS count FROM payment_attempts GROUP BY payment_intent_id) AS told"
            " WHERE payment_intents.id = told.payment_intent_id"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("payment_intents", "attempts_told")
