"""One row for each refund that was asked for here or made at Stripe; never deleted."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.refunds.refund import Origin


class Refund(Base):
    """The table of `refund.Refund`, which says what the columns mean."""

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("stripe_id"),
        UniqueConstraint("client", "idempotency_key"),
        Index("ix_refunds_recheck_after", "recheck_after", postgresql_where=text("recheck_after IS NOT NULL")),
        Index("ix_refunds_created_at", "created_at", "id"),
        Index("ix_refunds_status", "status", "created_at", "id"),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="currency"),
        CheckConstraint("origin IN ('api', 'stripe')", name="origin"),
        CheckConstraint(
            "(origin = 'api') = (num_nonnulls(create_params, client, idempotency_key, fingerprint) = 4)", name="request"
        ),
        CheckConstraint(
            "stripe_id IS NOT NULL OR (origin = 'api' AND coalesce(status, 'refused') = 'refused')", name="answer"
        ),
        CheckConstraint("(status IS NOT DISTINCT FROM 'refused') = (refusal IS NOT NULL)", name="refusal"),
        CheckConstraint("status IS NOT NULL OR recheck_after IS NOT NULL", name="never_forgotten"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_intent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment_intents.id"), index=True)
    origin: Mapped[Origin] = mapped_column(Text)
    stripe_id: Mapped[str | None]
    amount: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str | None]
    status: Mapped[str | None]
    failure_reason: Mapped[str | None]
    refusal: Mapped[dict[str, Any] | None]

    create_params: Mapped[dict[str, Any] | None]
    client: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    fingerprint: Mapped[str | None]

    recheck_after: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
