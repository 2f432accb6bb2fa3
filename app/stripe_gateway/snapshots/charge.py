"""A Charge: one attempt to move money."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.payment_method import PaymentMethod
from app.stripe_gateway.snapshots.read import Json

CHARGE_STATUSES = frozenset({"succeeded", "pending", "failed"})


@dataclass(frozen=True, slots=True)
class ChargeSnapshot:
    """One attempt to move money, failed or not."""

    id: str
    payment_intent_id: str | None
    status: str
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    metadata: Mapping[str, str]
    failure_code: str | None
    failure_message: str | None
    decline_code: str | None
    outcome_type: str | None
    risk_level: str | None
    seller_message: str | None
    payment_method: PaymentMethod
    capture_before: datetime | None
    is_disputed: bool
    created: datetime

    @classmethod
    def parse(cls, obj: Json) -> "ChargeSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every Charge has."""
        if obj["status"] not in CHARGE_STATUSES:
            raise ValueError("not a status of a Charge")
        outcome, details = read.nested(obj, "outcome"), read.nested(obj, "payment_method_details")
        is_declined = outcome.get("type") == "issuer_declined"
        return cls(
            id=read.text(obj, "id"),
            payment_intent_id=read.id_of(obj.get("payment_intent")),
            status=read.text(obj, "status"),
            amount=read.amount(obj, "amount"),
            amount_captured=read.amount(obj, "amount_captured"),
            amount_refunded=read.amount(obj, "amount_refunded"),
            currency=read.currency(obj),
            metadata=read.metadata(obj.get("metadata")),
            failure_code=read.word(obj.get("failure_code")),
            failure_message=read.word(obj.get("failure_message")),
            decline_code=read.word(outcome.get("reason")) if is_declined else None,
            outcome_type=read.word(outcome.get("type")),
            risk_level=read.word(outcome.get("risk_level")),
            seller_message=read.word(outcome.get("seller_message")),
            payment_method=PaymentMethod.parse(details),
            capture_before=read.optional_time(read.nested(details, "card").get("capture_before")),
            is_disputed=obj.get("disputed") is True,
            created=read.time(obj.get("created", 0)),
        )
