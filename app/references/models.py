"""What a payment is for: a cart or a customer session of the caller."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.payment_intents.protocol.terms import Kind


class PaymentReference(Base):
    """The row that each change of a reference compares and sets: `version` grows with every one.

    It counts the reference's PaymentIntents (`next_generation`) and events (`next_sequence`), and stores the newest
    cart version that was accepted.
    """

    __tablename__ = "payment_references"
    __table_args__ = (
        CheckConstraint("kind IN ('cart', 'session')", name="kind"),
        CheckConstraint("next_generation >= 1 AND next_sequence >= 1", name="counters"),
        CheckConstraint("moved_to IS NULL OR kind = 'session'", name="only_sessions_move"),
    )

    kind: Mapped[Kind] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    next_generation: Mapped[int] = mapped_column(default=1)
    next_sequence: Mapped[int] = mapped_column(default=1)
    cart_version: Mapped[int | None]
    moved_to: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
