"""One row for each dispute: a shopper's bank that asks for the money back."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class Dispute(Base):
    """The table of `dispute.Dispute`."""

    __tablename__ = "disputes"
    __table_args__ = (
        Index("ix_disputes_opened_at", "opened_at", "id"),
        Index("ix_disputes_status", "status", "opened_at", "id"),
        CheckConstraint("amount >= 0", name="amount"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_intent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment_intents.id"), index=True)
    stripe_id: Mapped[str] = mapped_column(unique=True)
    charge_id: Mapped[str | None]
    status: Mapped[str]
    reason: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    due_by: Mapped[datetime | None]
    is_charge_refundable: Mapped[bool | None]
    opened_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
