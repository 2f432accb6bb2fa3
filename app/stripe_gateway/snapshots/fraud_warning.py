"""An early fraud warning: the card's network suspects a payment that was captured."""

from dataclasses import dataclass

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.read import Json


@dataclass(frozen=True, slots=True)
class FraudWarningSnapshot:
    """A warning at the moment when Stripe rendered it. It is actionable while a refund may avoid a dispute."""

    id: str
    payment_intent_id: str | None
    charge_id: str | None
    fraud_type: str | None
    is_actionable: bool

    @classmethod
    def parse(cls, obj: Json) -> "FraudWarningSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every warning has."""
        return cls(
            id=read.text(obj, "id"),
            payment_intent_id=read.id_of(obj.get("payment_intent")),
            charge_id=read.id_of(obj.get("charge")),
            fraud_type=read.word(obj.get("fraud_type")),
            is_actionable=obj.get("actionable") is True,
        )
