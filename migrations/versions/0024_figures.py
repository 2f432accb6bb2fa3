"""Keep what happened in each hour in numbers, and find an hour's events and attempts.

The two indexes are some kilobytes: they note which blocks have rows of which time.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0024"
down_revision = "0023"

INDEXES = {
    "ix_domain_events_created_at": "domain_events USING brin (created_at)",
    "ix_payment_attempts_created_at": "payment_attempts USING brin (created_at)",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "hourly_figures",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "name", "label", name=op.f("pk_hourly_figures")),
        if_not_exists=True,
    )
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            create_index_concurrently(name, definition)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            drop_index_concurrently(name)
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("DROP TABLE IF EXISTS hourly_figures")
