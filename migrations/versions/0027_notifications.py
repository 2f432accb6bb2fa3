"""Send events to other services: endpoints, queues, deliveries and their requests.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.domain_events.models import XID8

revision = "0027"
down_revision = "0026"

TABLES = (
    "notification_attempts",
    "notification_queues",
    "notification_deliveries",
    "notification_position",
    "notification_endpoints",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "notification_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("types", postgresql.JSONB(), nullable=False),
        sa.Column("secret_version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("previous_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "is_enabled = (disabled_reason IS NULL)", name=op.f("ck_notification_endpoints_disabled_reason")
        ),
        sa.CheckConstraint("secret_version >= 1", name=op.f("ck_notification_endpoints_secret_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_endpoints")),
    )
    op.create_table(
        "notification_position",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("installation_id", sa.Uuid(), nullable=False),
        sa.Column("xid", XID8(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_notification_position_is_only")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_notification_position")),
    )
    op.create_table(
        "notification_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("reference_kind", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'pending') = (finished_at IS NULL)", name=op.f("ck_notification_deliveries_finished_at")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'set_aside')", name=op.f("ck_notification_deliveries_state")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["notification_endpoints.id"], name=op.f("fk_notification_deliveries_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_deliveries")),
    )
    op.create_index(
        op.f("ix_notification_deliveries_created_at"), "notification_deliveries", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_notification_deliveries_endpoint_id_id"),
        "notification_deliveries",
        ["endpoint_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_notification_deliveries_pending",
        "notification_deliveries",
        ["endpoint_id", "reference_kind", "reference_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_notification_deliveries_waiting",
        "notification_deliveries",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "notification_queues",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("reference_kind", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.Uuid(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(due_at IS NULL) = (pending = 0)", name=op.f("ck_notification_queues_due_at")),
        sa.CheckConstraint("pending >= 0", name=op.f("ck_notification_queues_pending")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["notification_endpoints.id"], name=op.f("fk_notification_queues_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "reference_kind", "reference_id", name=op.f("pk_notification_queues")),
    )
    op.create_index(
        op.f("ix_notification_queues_endpoint_id_due_at"),
        "notification_queues",
        ["endpoint_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "notification_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["notification_deliveries.id"],
            name=op.f("fk_notification_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_attempts")),
    )
    op.create_index(
        op.f("ix_notification_attempts_delivery_id"), "notification_attempts", ["delivery_id"], unique=False
    )
    # Nothing is sent of what happened before there was an endpoint.
    op.execute(
        """
        INSERT INTO notification_position (installation_id, xid, event_number)
        SELECT feed.installation_id, coalesce(last.xid, '0'::xid8), coalesce(last.id, 0)
        FROM event_feed AS feed
        LEFT JOIN (SELECT xid, id FROM domain_events ORDER BY xid DESC, id DESC LIMIT 1) AS last ON true
        """
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in TABLES:
        op.drop_table(table)
