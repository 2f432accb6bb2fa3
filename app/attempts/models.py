"""The attempt history: every attempt to pay, including the failed ones."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.db.base import Base


class PaymentAttempt(Base):
    """One attempt to pay. Its key is the Charge's id, or made from the event without one (a failed 3DS).

    `cart_version` is the version that it tried to pay for, from the Charge's metadata.
    """

    __tablename__ = "payment_attempts"
    __table_args__ = (
        Index("ix_payment_attempts_created_at", "created_at", postgresql_using="brin"),
        Index(
            "ix_payment_attempts_card_last4",
            "card_last4",
            "payment_intent_id",
            postgresql_where=text("card_last4 IS NOT NULL"),
        ),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("status IN ('succeeded', 'pending', 'failed')", name="status"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    payment_intent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment_intents.id"), index=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    charge_id: Mapped[str | None]
    status: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    cart_version: Mapped[int | None]
    payment_method_type: Mapped[str | None]
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    card_country: Mapped[str | None]
    card_wallet: Mapped[str | None]
    failure_code: Mapped[str | None]
    decline_code: Mapped[str | None]
    message: Mapped[str | None]
    outcome_type: Mapped[str | None]
    risk_level: Mapped[str | None]
    seller_message: Mapped[str | None]
    three_d_secure: Mapped[str | None]
    capture_before: Mapped[datetime | None]
    attempted_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
