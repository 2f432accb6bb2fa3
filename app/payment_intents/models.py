"""One row for each PaymentIntent that a reference ever had; never deleted."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.payment_intents.protocol.terms import Kind


class PaymentIntent(Base):
    """The table of `protocol.state.PaymentIntentState`, which says what the columns mean.

    `due_at` is when somebody should look at the row, whatever happens; null when it is final.
    """

    __tablename__ = "payment_intents"
    __table_args__ = (
        UniqueConstraint("reference_kind", "reference_id", "generation"),
        UniqueConstraint("stripe_id"),
        ForeignKeyConstraint(["reference_kind", "reference_id"], ["payment_references.kind", "payment_references.id"]),
        Index(
            "uq_payment_intents_live",
            "reference_kind",
            "reference_id",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_payment_intents_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        # What a crash or an unknown outcome left behind: `recovery` takes it first, however much is due.
        Index(
            "ix_payment_intents_due_first",
            "due_at",
            postgresql_where=text(
                "due_at IS NOT NULL AND"
                " (lease_token IS NOT NULL OR recheck_after IS NOT NULL OR needs_refresh OR is_cancel_requested)"
            ),
        ),
        Index(
            "uq_payment_intents_checkout_id",
            "checkout_id",
            unique=True,
            postgresql_where=text("checkout_id IS NOT NULL"),
        ),
        # Lists: one for each filter, in the order of our ids. See `listing`.
        Index("ix_payment_intents_status", "status", "id"),
        Index("ix_payment_intents_amount", "amount", "id"),
        Index("ix_payment_intents_currency", "currency", "id"),
        Index(
            "ix_payment_intents_customer",
            text("(requested_terms ->> 'customer')"),
            "id",
            postgresql_where=text("(requested_terms ->> 'customer') IS NOT NULL"),
        ),
        Index("ix_payment_intents_flagged", "id", postgresql_where=text("flags <> '[]'")),
        Index(
            "ix_payment_intents_price_refused",
            "id",
            postgresql_where=text("refused_revision IS NOT NULL AND closed_at IS NULL"),
        ),
        Index("ix_payment_intents_email_hash", "email_hash", "id", postgresql_where=text("email_hash IS NOT NULL")),
        Index(
            "ix_payment_intents_reference_prefix",
            "reference_id",
            postgresql_ops={"reference_id": "text_pattern_ops"},
        ),
        Index("ix_payment_intents_paid_at", "paid_at", "id", postgresql_where=text("paid_at IS NOT NULL")),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("capture_amount >= 1", name="capture_amount"),
        CheckConstraint("amount_received >= 0 AND amount_capturable >= 0", name="amounts"),
        CheckConstraint("amount_refunded >= 0", name="amount_refunded"),
        CheckConstraint("amount_reserved >= amount_refunded", name="amount_reserved"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="currency"),
        CheckConstraint("generation >= 1 AND revision >= 1 AND version >= 0", name="counters"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
        CheckConstraint("(closed_at IS NULL) = (closed_reason IS NULL)", name="closed"),
        CheckConstraint("(status IS NULL) = (amount IS NULL)", name="status"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    reference_kind: Mapped[Kind] = mapped_column(Text)
    reference_id: Mapped[str]
    generation: Mapped[int]
    is_checkout: Mapped[bool] = mapped_column(server_default=false())
    stripe_id: Mapped[str | None]
    checkout_id: Mapped[str | None]
    checkout: Mapped[dict[str, Any] | None]
    previous_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment_intents.id"))

    create_params: Mapped[dict[str, Any]]
    requested_terms: Mapped[dict[str, Any]]
    revision: Mapped[int]
    is_rolled_back: Mapped[bool] = mapped_column(server_default=false())
    refused_revision: Mapped[int | None]
    applied_terms: Mapped[dict[str, Any] | None]

    version: Mapped[int]
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    needs_refresh: Mapped[bool]
    recheck_after: Mapped[datetime | None]
    unconfirmed_fields: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    is_cancel_requested: Mapped[bool]
    cancel_reason: Mapped[str | None]
    cancel_requested_by: Mapped[str | None]
    capture_amount: Mapped[int | None]
    expires_after: Mapped[timedelta | None]
    last_activity_at: Mapped[datetime] = mapped_column(server_default=func.now())
    refresh_requested_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    email_hash: Mapped[bytes | None]

    status: Mapped[str | None]
    next_action: Mapped[dict[str, Any] | None]
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    amount_received: Mapped[int]
    amount_capturable: Mapped[int]
    amount_refunded: Mapped[int]
    amount_reserved: Mapped[int] = mapped_column(server_default=text("0"))
    amount_disputed: Mapped[int] = mapped_column(server_default=text("0"))
    amount_lost: Mapped[int] = mapped_column(server_default=text("0"))
    flags: Mapped[list[str]]
    attempt_notifications: Mapped[int] = mapped_column(server_default=text("0"))

    paid_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
