"""Where events are sent, what is still to be sent, and what became of each delivery."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.domain_events.models import XID8


class NotificationEndpoint(Base):
    """An address of another service. Its secrets are derived from NOTIFICATION_KEY and their version, and not stored.

    `failing_since`: nothing has reached it since then. One that is deleted is purged with its deliveries later.
    """

    __tablename__ = "notification_endpoints"
    __table_args__ = (
        CheckConstraint("is_enabled = (disabled_reason IS NULL)", name="disabled_reason"),
        CheckConstraint("secret_version >= 1", name="secret_version"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    description: Mapped[str | None]
    types: Mapped[list[str]]
    secret_version: Mapped[int] = mapped_column(server_default=text("1"))
    previous_secret_until: Mapped[datetime | None]
    is_enabled: Mapped[bool] = mapped_column(server_default=true())
    disabled_reason: Mapped[str | None]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deleted_at: Mapped[datetime | None]


class NotificationPosition(Base):
    """Up to which event deliveries were made; one row."""

    __tablename__ = "notification_position"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=true())
    installation_id: Mapped[uuid.UUID]
    xid: Mapped[int] = mapped_column(XID8())
    event_number: Mapped[int]


class NotificationQueue(Base):
    """What one endpoint is still to get of one reference, in its order. Who has claimed it sends.

    `due_at` is null if and only if nothing is pending.
    """

    __tablename__ = "notification_queues"
    __table_args__ = (
        CheckConstraint("pending >= 0", name="pending"),
        CheckConstraint("(due_at IS NULL) = (pending = 0)", name="due_at"),
        Index(None, "endpoint_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )

    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notification_endpoints.id"), primary_key=True)
    reference_kind: Mapped[str] = mapped_column(primary_key=True)
    reference_id: Mapped[str] = mapped_column(primary_key=True)
    pending: Mapped[int]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[datetime | None]
    claim: Mapped[uuid.UUID | None]
    claimed_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class NotificationDelivery(Base):
    """One event for one endpoint. To send it again makes another row, with the same event."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'set_aside')", name="state"),
        CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="finished_at"),
        Index(
            "ix_notification_deliveries_pending",
            *("endpoint_id", "reference_kind", "reference_id", "id"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(None, "endpoint_id", "id"),
        Index("ix_notification_deliveries_waiting", "created_at", postgresql_where=text("state = 'pending'")),
        Index(None, "created_at"),
        Index(None, "event_number"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notification_endpoints.id"))
    event_number: Mapped[int]
    event_id: Mapped[str]
    type: Mapped[str]
    reference_kind: Mapped[str]
    reference_id: Mapped[str]
    sequence: Mapped[int]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    first_attempt_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class NotificationAttempt(Base):
    """One request of a delivery: the answer's status and beginning, or why there was none."""

    __tablename__ = "notification_attempts"
    __table_args__ = (Index(None, "delivery_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("notification_deliveries.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    milliseconds: Mapped[int]
    status: Mapped[int | None]
    error: Mapped[str | None]
    excerpt: Mapped[str | None]
