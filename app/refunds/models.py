"""One row for each refund that was asked for here or made at Stripe; never deleted."""

import uuid
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.db.engine import Base

Origin = Literal["api", "stripe"]

REFUSED = "refused"

# In these no money went back, and what the refund had reserved is free again.
FREED = ("failed", "canceled", REFUSED)


class Refund(Base):
    """A refund. Its amount is reserved from the first moment on, until Stripe says that it came to nothing.

    `status` has Stripe's words, or `refused` for its definite "no" (told in `refusal`); null until it answers.
    `opening` are the frozen parameters of the create call, `client` with `idempotency_key` and `fingerprint` the
    request that made it; a refund that was made at Stripe (origin `stripe`) has none of them.
    `check_at` is when Stripe must be asked about one that is not settled.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("stripe_id"),
        UniqueConstraint("client", "idempotency_key"),
        Index("ix_refunds_due", "check_at", postgresql_where=text("check_at IS NOT NULL")),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="currency"),
        CheckConstraint("origin IN ('api', 'stripe')", name="origin"),
        CheckConstraint(
            "(origin = 'api') = (num_nonnulls(opening, client, idempotency_key, fingerprint) = 4)", name="request"
        ),
        CheckConstraint(
            "stripe_id IS NOT NULL OR (origin = 'api' AND coalesce(status, 'refused') = 'refused')", name="answer"
        ),
        CheckConstraint("(status IS NOT DISTINCT FROM 'refused') = (refusal IS NOT NULL)", name="refusal"),
        CheckConstraint("status IS NOT NULL OR check_at IS NOT NULL", name="never_forgotten"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    payment_intent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment_intents.id"), index=True)
    origin: Mapped[Origin] = mapped_column(Text)
    stripe_id: Mapped[str | None]
    amount: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str | None]
    status: Mapped[str | None]
    failure_reason: Mapped[str | None]
    refusal: Mapped[dict[str, Any] | None]

    opening: Mapped[dict[str, Any] | None]
    client: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    fingerprint: Mapped[str | None]

    check_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    @property
    def is_settled(self) -> bool:
        """Whether Stripe need not be asked: a late failure of a succeeded one is told by webhook."""
        return self.status in {"succeeded", *FREED}
