"""One row for each PaymentIntent that a reference ever had; never deleted."""

import uuid
from datetime import datetime
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
from uuid_utils.compat import uuid7

from app.db.engine import Base
from app.payment_intents import content
from app.references.models import Kind, Reference
from app.stripe_gateway import FROZEN, PAYABLE

UNPAID = "status IS DISTINCT FROM 'succeeded'"

# Why a row was closed that Stripe never made anything for: it said no, or went wrong for good.
NEVER_MADE = frozenset({"refused", "failed"})


class PaymentIntent(Base):
    """A generation of a reference. The one without `closed_at` is live; the database allows one.

    What we know of Stripe: `stripe_id`, `status` (its words; null until it answers), the amounts, and
    `applied`: the content that it holds, with its revision, null until it answers.
    What the caller wants: `requested` with its `revision`, which only grows, over generations too; `is_rolled_back`
    says that the newest request was given up and `requested` is what Stripe held.
    Who writes: `lease_token` until `lease_until`; `version` goes up with every recorded change;
    `needs_sync` and `check_at` say that Stripe must be asked, `is_closing` that it must be cancelled, and
    `capture_amount` what is to be captured. `touched_at` is the last sign of a shopper, `asked_at` the last time that
    a caller made us ask Stripe.
    `attempts_told` counts how often we were told of an attempt: at least as many as there are, so 0 is none.
    What went back: `amount_refunded` is what Stripe holds as refunded, `amount_reserved` that with what is on its way.
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
        Index("ix_payment_intents_open", "touched_at", postgresql_where=text(f"closed_at IS NULL AND {UNPAID}")),
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

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    reference_kind: Mapped[Kind] = mapped_column(Text)
    reference_id: Mapped[str]
    generation: Mapped[int]
    stripe_id: Mapped[str | None]
    previous_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment_intents.id"))

    opening: Mapped[dict[str, Any]]
    requested: Mapped[dict[str, Any]]
    revision: Mapped[int]
    is_rolled_back: Mapped[bool] = mapped_column(server_default=false())
    applied: Mapped[dict[str, Any] | None]

    version: Mapped[int]
    lease_token: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    needs_sync: Mapped[bool]
    check_at: Mapped[datetime | None]
    is_closing: Mapped[bool]
    closing_reason: Mapped[str | None]
    capture_amount: Mapped[int | None]
    touched_at: Mapped[datetime] = mapped_column(server_default=func.now())
    asked_at: Mapped[datetime | None]

    status: Mapped[str | None]
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    amount_received: Mapped[int]
    amount_capturable: Mapped[int]
    amount_refunded: Mapped[int]
    amount_reserved: Mapped[int] = mapped_column(server_default=text("0"))
    flags: Mapped[list[str]]
    attempts_told: Mapped[int] = mapped_column(server_default=text("0"))

    closed_at: Mapped[datetime | None]
    closed_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    def __init__(self, **values: Any) -> None:
        """Start with what a new row knows of Stripe: nothing. It is decided upon before it is inserted."""
        blank = {"version": 0, "is_rolled_back": False, "needs_sync": False, "is_closing": False, "flags": []}
        amounts = {"amount_received": 0, "amount_capturable": 0, "amount_refunded": 0, "amount_reserved": 0}
        super().__init__(**blank, **amounts, attempts_told=0, **values)

    @property
    def reference(self) -> Reference:
        return Reference(self.reference_kind, self.reference_id)

    @property
    def amount_refundable(self) -> int:
        """What is left of what was received, without what refunds of unknown outcome have reserved."""
        return max(0, self.amount_received - self.amount_reserved)

    @property
    def is_payable(self) -> bool:
        """Whether a shopper may be handed its client secret."""
        return self.status in PAYABLE and not self.is_closing and self.closed_at is None

    @property
    def is_frozen(self) -> bool:
        """Whether money is on its way or held, so that nothing may change."""
        return self.status in FROZEN

    @property
    def is_synced(self) -> bool:
        """Whether Stripe is known to hold exactly what was requested last: nobody writes, nothing is in doubt."""
        is_quiet = self.lease_token is None and not self.needs_sync
        return is_quiet and self.applied is not None and content.agree(self.applied, self.requested)

    @property
    def is_unmade(self) -> bool:
        """Whether it was closed before Stripe made anything for it."""
        return self.closed_reason in NEVER_MADE

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to converge: not closed and not paid."""
        return self.closed_at is None and self.status != "succeeded"
