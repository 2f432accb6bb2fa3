"""Note whether a browser has shown that it got its next cookie of the console.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column("console_sessions", sa.Column("is_confirmed", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("console_sessions", "is_confirmed")
