"""Find the deliveries of an event, for the timeline in the console.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0028"
down_revision = "0027"

NAME = "ix_notification_deliveries_event_number"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        create_index_concurrently(NAME, "notification_deliveries (event_number)")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        drop_index_concurrently(NAME)
