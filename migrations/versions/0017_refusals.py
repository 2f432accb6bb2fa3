"""Keep that Stripe refused the newest price, and which fields a request of unknown outcome may set.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(
        "ALTER TABLE payment_intents"
        " ADD COLUMN refused_revision bigint,"
        " ADD COLUMN unconfirmed_fields jsonb NOT NULL DEFAULT '[]'"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE payment_intents DROP COLUMN refused_revision, DROP COLUMN unconfirmed_fields")
