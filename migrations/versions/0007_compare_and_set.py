"""Add the reference's version, on which each change is one compare-and-set, and when each row is due.

Stop the processes of the release before this one: what they write raises no version, and is overwritten unseen.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from app.db.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "0007"
down_revision = "0006"

# Each batch is a transaction of some milliseconds, and waits for no lock that a shopper's request holds for long.
BATCH = 1_000


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE payment_references ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 1")
    op.execute("ALTER TABLE payment_intents ADD COLUMN IF NOT EXISTS due_at timestamptz")
    with op.get_context().autocommit_block():
        _let_all_open_rows_be_looked_at()
        create_index_concurrently("ix_payment_intents_due_at", "payment_intents (due_at) WHERE due_at IS NOT NULL")
        drop_index_concurrently("ix_payment_intents_open")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_index(
        "ix_payment_intents_open",
        "payment_intents",
        ["last_activity_at"],
        postgresql_where=sa.text("closed_at IS NULL AND status IS DISTINCT FROM 'succeeded'"),
    )
    op.execute("ALTER TABLE payment_intents DROP COLUMN due_at")
    op.execute("ALTER TABLE payment_references DROP COLUMN version")


def _let_all_open_rows_be_looked_at() -> None:
    """Make every open row due, a batch at a time: the sweep visits each once and sets when it is due next."""
    connection = op.get_bind()
    last = None
    while True:
        after = "" if last is None else "AND id > :last"
        found = connection.execute(
            sa.text(
                f"""
                UPDATE payment_intents SET due_at = now() WHERE id IN (
                    SELECT id FROM payment_intents
                    WHERE closed_at IS NULL AND status IS DISTINCT FROM 'succeeded' AND due_at IS NULL {after}
                    ORDER BY id LIMIT {BATCH}
                )
                RETURNING id
                """  # noqa: S608 - our own text
            ),
            {} if last is None else {"last": last},
        )
        ids = sorted(row.id for row in found)
        if not ids:
            return
        last = ids[-1]
