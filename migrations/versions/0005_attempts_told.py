"""Let a PaymentIntent know how many attempts it may have had: most have had none, and need not be looked for.

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
    # Outside of the transaction that has the table to itself. A pending attempt that was finished later was told of
    # twice; once is enough to be counted.
    with op.get_context().autocommit_block():
        op.execute(
            "UPDATE payment_intents SET attempts_told = GREATEST(attempts_told, told.count) FROM"
            " (SELECT payment_intent_id, count(*) AS count FROM payment_attempts GROUP BY payment_intent_id) AS told"
            " WHERE payment_intents.id = told.payment_intent_id"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("payment_intents", "attempts_told")
