"""A dispute: the shopper's bank asks for the money back."""

from dataclasses import dataclass
from datetime import datetime

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.read import Json


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """A dispute at the moment when Stripe rendered it."""

    id: str
    payment_intent_id: str | None
    charge_id: str | None
    status: str
    reason: str
    amount: int
    currency: str
    due_by: datetime | None
    is_charge_refundable: bool
    created: datetime

    @classmethod
    def parse(cls, obj: Json) -> "DisputeSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every Dispute has."""
        return cls(
            id=read.text(obj, "id"),
            payment_intent_id=read.id_of(obj.get("payment_intent")),
            charge_id=read.id_of(obj.get("charge")),
            status=read.text(obj, "status"),
            reason=read.text(obj, "reason"),
            amount=read.amount(obj, "amount"),
            currency=read.currency(obj),
            due_by=read.optional_time(read.nested(obj, "evidence_details").get("due_by")),
            is_charge_refundable=obj.get("is_charge_refundable") is True,
            created=read.time(obj["created"]),
        )
