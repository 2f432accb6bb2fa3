"""Create the tables of the first release and those of the job queue.

Revision ID: 0001
Revises:
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# The output of that version's `pgq sql install`. A later version of the queue needs a migration of its own.
JOB_ENGINE = Path(__file__).parent.parent / "pgqueuer-1.6.0.sql"


class XID8(sa.types.UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction number."""

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(secret_hash) = 32", name=op.f("ck_api_keys_secret_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_client"), "api_keys", ["client"], unique=False)
    op.create_table(
        "payment_references",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("next_generation", sa.BigInteger(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.Column("cart_version", sa.BigInteger(), nullable=True),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('cart', 'session')", name=op.f("ck_payment_references_kind")),
        sa.CheckConstraint(
            "moved_to IS NULL OR kind = 'session'", name=op.f("ck_payment_references_only_sessions_move")
        ),
        sa.CheckConstraint("next_generation >= 1 AND next_sequence >= 1", name=op.f("ck_payment_references_counters")),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_payment_references")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
    )
    op.create_index(op.f("ix_webhook_events_received_at"), "webhook_events", ["received_at"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", XID8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("reference_kind", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("payment_intent_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("stripe_request_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["reference_kind", "reference_id"],
            ["payment_references.kind", "payment_references.id"],
            name=op.f("fk_events_reference_kind_reference_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint(
            "reference_kind", "reference_id", "sequence", name=op.f("uq_events_reference_kind_reference_id_sequence")
        ),
    )
    op.create_index(op.f("ix_events_payment_intent_id"), "events", ["payment_intent_id"], unique=False)
    op.create_index(op.f("ix_events_xid_id"), "events", ["xid", "id"], unique=False)
    op.create_table(
        "payment_intents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference_kind", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("stripe_id", sa.Text(), nullable=True),
        sa.Column("previous_id", sa.Uuid(), nullable=True),
        sa.Column("opening", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("requested", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("is_rolled_back", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("applied", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs_sync", sa.Boolean(), nullable=False),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_closing", sa.Boolean(), nullable=False),
        sa.Column("closing_reason", sa.Text(), nullable=True),
        sa.Column("capture_amount", sa.BigInteger(), nullable=True),
        sa.Column("touched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount_received", sa.BigInteger(), nullable=False),
        sa.Column("amount_capturable", sa.BigInteger(), nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), nullable=False),
        sa.Column("flags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("currency ~ '^[a-z]{3}$'", name=op.f("ck_payment_intents_currency")),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_reason IS NULL)", name=op.f("ck_payment_intents_closed")),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_payment_intents_lease")),
        sa.CheckConstraint("(status IS NULL) = (amount IS NULL)", name=op.f("ck_payment_intents_status")),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_payment_intents_amount")),
        sa.CheckConstraint("amount_received >= 0 AND amount_capturable >= 0", name=op.f("ck_payment_intents_amounts")),
        sa.CheckConstraint("amount_refunded >= 0", name=op.f("ck_payment_intents_amount_refunded")),
        sa.CheckConstraint("capture_amount >= 1", name=op.f("ck_payment_intents_capture_amount")),
        sa.CheckConstraint(
            "generation >= 1 AND revision >= 1 AND version >= 0", name=op.f("ck_payment_intents_counters")
        ),
        sa.ForeignKeyConstraint(["previous_id"], ["payment_intents.id"], name=op.f("fk_payment_intents_previous_id")),
        sa.ForeignKeyConstraint(
            ["reference_kind", "reference_id"],
            ["payment_references.kind", "payment_references.id"],
            name=op.f("fk_payment_intents_reference_kind_reference_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_intents")),
        sa.UniqueConstraint(
            "reference_kind",
            "reference_id",
            "generation",
            name=op.f("uq_payment_intents_reference_kind_reference_id_generation"),
        ),
        sa.UniqueConstraint("stripe_id", name=op.f("uq_payment_intents_stripe_id")),
    )
    op.create_index(
        "ix_payment_intents_open",
        "payment_intents",
        ["touched_at"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND status IS DISTINCT FROM 'succeeded'"),
    )
    op.create_index(
        "uq_payment_intents_live",
        "payment_intents",
        ["reference_kind", "reference_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "payment_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_intent_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cart_version", sa.BigInteger(), nullable=True),
        sa.Column("payment_method_type", sa.Text(), nullable=True),
        sa.Column("card_brand", sa.Text(), nullable=True),
        sa.Column("card_last4", sa.Text(), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("decline_code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("outcome_type", sa.Text(), nullable=True),
        sa.Column("risk_level", sa.Text(), nullable=True),
        sa.Column("seller_message", sa.Text(), nullable=True),
        sa.Column("three_d_secure", sa.Text(), nullable=True),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('succeeded', 'pending', 'failed')", name=op.f("ck_payment_attempts_status")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_payment_attempts_amount")),
        sa.ForeignKeyConstraint(
            ["payment_intent_id"], ["payment_intents.id"], name=op.f("fk_payment_attempts_payment_intent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempts")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_attempts_key")),
    )
    op.create_index(
        op.f("ix_payment_attempts_payment_intent_id"), "payment_attempts", ["payment_intent_id"], unique=False
    )
    _run_script(JOB_ENGINE.read_text(encoding="utf-8"))


def _run_script(script: str) -> None:
    """Run a script of many statements: through SQLAlchemy the driver accepts only one statement at a time."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None, "migrations run online"  # noqa: S101 - the driver is always there then
    connection.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Raise NotImplementedError: there is no release before the first."""
    raise NotImplementedError("drop the database instead")
