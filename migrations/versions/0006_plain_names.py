"""Rename tables and columns to plain terms. Only names change: no row is rewritten.

Stop the processes of the release before this one: they read and write the old names.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMNS = {
    "payment_intents": {
        "opening": "create_params",
        "requested": "requested_terms",
        "applied": "applied_terms",
        "needs_sync": "needs_refresh",
        "check_at": "recheck_after",
        "is_closing": "is_cancel_requested",
        "closing_reason": "cancel_reason",
        "touched_at": "last_activity_at",
        "asked_at": "refresh_requested_at",
        "attempts_told": "attempt_notifications",
    },
    "refunds": {"opening": "create_params", "check_at": "recheck_after"},
}
INDEXES = {
    "ix_refunds_due": "ix_refunds_recheck_after",
    "ix_events_xid_id": "ix_domain_events_xid_id",
    "ix_events_payment_intent_id": "ix_domain_events_payment_intent_id",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table, names in COLUMNS.items():
        for old, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.execute("ALTER TABLE events RENAME TO domain_events")
    for old, new in INDEXES.items():
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    _rename_constraints("domain_events", "events", "domain_events")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _rename_constraints("domain_events", "domain_events", "events")
    for old, new in INDEXES.items():
        op.execute(f"ALTER INDEX {new} RENAME TO {old}")
    op.execute("ALTER TABLE domain_events RENAME TO events")
    for table, names in COLUMNS.items():
        for old, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")


def _rename_constraints(table: str, old: str, new: str) -> None:
    """Rename the constraints and indexes that have the table's name in theirs: `pk_events`, `uq_events_…`, `fk_events_…`."""
    op.execute(
        f"""
        DO $$
        DECLARE name text;
        BEGIN
            FOR name IN
                SELECT conname FROM pg_constraint
                WHERE conrelid = '{table}'::regclass AND contype <> 'n' AND conname LIKE '___{old}%'
            LOOP
                EXECUTE format('ALTER TABLE {table} RENAME CONSTRAINT %I TO %I', name,
                    regexp_replace(name, '_{old}', '_{new}'));
            END LOOP;
        END $$
        """  # noqa: S608 - our own names
    )
