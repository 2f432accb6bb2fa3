"""What a payment is for: a cart or a customer session of the caller."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import CheckConstraint, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.engine import Base

Kind = Literal["cart", "session"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A cart or session, by the caller's id."""

    kind: Kind
    id: str


class PaymentReference(Base):
    """The row that every transaction about a reference locks first.

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
    next_generation: Mapped[int] = mapped_column(default=1)
    next_sequence: Mapped[int] = mapped_column(default=1)
    cart_version: Mapped[int | None]
    moved_to: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def name(self) -> Reference:
        return Reference(self.kind, self.id)

    def take_generation(self) -> int:
        """Return the next generation, and count it as used."""
        number = self.next_generation
        self.next_generation += 1
        return number

    def take_sequence(self) -> int:
        """Return the next sequence number, and count it as used."""
        number = self.next_sequence
        self.next_sequence += 1
        return number
