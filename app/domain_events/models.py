"""Our domain events: at once the timeline of a cart, the feed that others read, and the outbox."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, UniqueConstraint, func, text, true
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.db.base import Base


class XID8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction number."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class Event(Base):
    """Something that happened to a payment; append-only.

    `sequence` counts within its reference without a gap. `xid` is the writing transaction: with `id` it
    makes a feed cursor that never skips a row that was committed late, which `id` alone would. It rises along each
    reference's sequence: a write gets its number after it read what the one before had committed.
    """

    __tablename__ = "domain_events"
    __table_args__ = (
        UniqueConstraint("reference_kind", "reference_id", "sequence"),
        ForeignKeyConstraint(["reference_kind", "reference_id"], ["payment_references.kind", "payment_references.id"]),
        Index(None, "xid", "id"),
        Index(None, "payment_intent_id"),
        Index(None, "created_at", postgresql_using="brin"),
        Index(None, "stripe_request_id", postgresql_where=text("stripe_request_id IS NOT NULL")),
        Index(
            "ix_domain_events_stripe_warning_id",
            text("(data ->> 'stripe_warning_id')"),
            postgresql_where=text("type = 'fraud_warning.created'"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    xid: Mapped[int] = mapped_column(XID8(), server_default=func.pg_current_xact_id())
    reference_kind: Mapped[str]
    reference_id: Mapped[str]
    sequence: Mapped[int]
    payment_intent_id: Mapped[uuid.UUID | None]
    stripe_id: Mapped[str | None]
    cart_version: Mapped[int | None]
    type: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    data: Mapped[dict[str, Any]]
    actor: Mapped[str]
    stripe_request_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EventFeed(Base):
    """Which server's transaction numbers the events have, and what cursors of them are told from others by. One row."""

    __tablename__ = "event_feed"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=true())
    installation_id: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    system_identifier: Mapped[int]
