"""Remember which server's transaction numbers the events have, for the feed's order and its cursors.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "event_feed",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("installation_id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("system_identifier", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_event_feed_is_only")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_event_feed")),
    )
    op.execute("INSERT INTO event_feed (system_identifier) SELECT system_identifier FROM pg_control_system()")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("event_feed")
