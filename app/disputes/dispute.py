"""A dispute as Stripe told it last, as a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from app.stripe_gateway import DisputeSnapshot

# An inquiry's statuses begin so: the bank only asks, and takes no money.
INQUIRY = "warning_"

# Stripe's last words, though an appeal may follow some of them.
CLOSED = frozenset({"won", "lost", "warning_closed", "prevented"})


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute; status and reason are Stripe's words, the amount is in minor units.

    `due_by` is until when evidence can be sent. `is_charge_refundable` is None for what an earlier release recorded.
    """

    id: UUID
    payment_intent_id: UUID
    stripe_id: str
    charge_id: str | None
    status: str
    reason: str
    amount: int
    currency: str
    due_by: datetime | None
    is_charge_refundable: bool | None
    opened_at: datetime

    @property
    def is_closed(self) -> bool:
        return self.status in CLOSED

    @property
    def keeps_money(self) -> bool:
        """Whether the bank has the money back for now, and Stripe refunds nothing of the Charge meanwhile."""
        is_refundable = self.is_charge_refundable
        return not self.is_closed and not (self.status.startswith(INQUIRY) if is_refundable is None else is_refundable)

    @classmethod
    def of(cls, payment_intent_id: UUID, snapshot: DisputeSnapshot, known: "Dispute | None") -> "Dispute":
        """Return the dispute as Stripe shows it now, under the id that it has here already."""
        return cls(
            id=known.id if known else uuid7(),
            payment_intent_id=payment_intent_id,
            stripe_id=snapshot.id,
            charge_id=snapshot.charge_id,
            status=snapshot.status,
            reason=snapshot.reason,
            amount=snapshot.amount,
            currency=snapshot.currency,
            due_by=snapshot.due_by,
            is_charge_refundable=snapshot.is_charge_refundable,
            opened_at=known.opened_at if known else snapshot.created,
        )


def disputed(disputes: Iterable[Dispute]) -> int:
    """Return what open disputes keep back."""
    return sum(each.amount for each in disputes if each.keeps_money)


def lost(disputes: Iterable[Dispute]) -> int:
    """Return what was lost for good."""
    return sum(each.amount for each in disputes if each.status == "lost")
