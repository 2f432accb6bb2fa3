"""One attempt to pay, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from app.payment_intents.protocol.terms import cart_version_in
from app.stripe_gateway import ChargeSnapshot, Failure, StripeEvent


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt. Its key is the Charge's id; an attempt that failed in 3DS may have no Charge.

    `cart_version` is the one it was for, as the Charge's own metadata says. `capture_before` is until when money that
    is held can be captured.
    """

    id: UUID
    payment_intent_id: UUID
    key: str
    charge_id: str | None
    status: str
    amount: int
    currency: str
    cart_version: int | None
    payment_method_type: str | None
    card_brand: str | None
    card_last4: str | None
    card_country: str | None
    card_wallet: str | None
    failure_code: str | None
    decline_code: str | None
    message: str | None
    outcome_type: str | None
    risk_level: str | None
    seller_message: str | None
    three_d_secure: str | None
    capture_before: datetime | None
    attempted_at: datetime

    @classmethod
    def of_charge(cls, payment_intent_id: UUID, charge: ChargeSnapshot) -> "Attempt":
        """Return the attempt that a Charge is."""
        method = charge.payment_method
        return cls(
            id=uuid7(),
            payment_intent_id=payment_intent_id,
            key=charge.id,
            charge_id=charge.id,
            status=charge.status,
            amount=charge.amount,
            currency=charge.currency,
            cart_version=cart_version_in(charge.metadata),
            payment_method_type=method.type,
            card_brand=method.card_brand,
            card_last4=method.card_last4,
            card_country=method.card_country,
            card_wallet=method.card_wallet,
            failure_code=charge.failure_code,
            decline_code=charge.decline_code,
            message=charge.failure_message,
            outcome_type=charge.outcome_type,
            risk_level=charge.risk_level,
            seller_message=charge.seller_message,
            three_d_secure=method.three_d_secure,
            capture_before=charge.capture_before,
            attempted_at=charge.created,
        )

    @classmethod
    def of_failure(
        cls,
        payment_intent_id: UUID,
        failure: Failure,
        event: StripeEvent,
        *,
        price: tuple[int, str],
        metadata: Mapping[str, str],
    ) -> "Attempt | None":
        """Return the attempt that failed without a Charge, as 3DS failures do; None when there is a Charge."""
        if failure.charge_id is not None:
            return None
        method = failure.payment_method
        amount, currency = price
        is_3ds = failure.code == "payment_intent_authentication_failure"
        return cls(
            id=uuid7(),
            payment_intent_id=payment_intent_id,
            key=_key_of_failure(failure, event),
            charge_id=None,
            status="failed",
            amount=amount,
            currency=currency,
            cart_version=cart_version_in(metadata),
            payment_method_type=method.type,
            card_brand=method.card_brand,
            card_last4=method.card_last4,
            card_country=method.card_country,
            card_wallet=method.card_wallet,
            failure_code=failure.code,
            decline_code=failure.decline_code,
            message=failure.message,
            outcome_type=None,
            risk_level=None,
            seller_message=None,
            three_d_secure="failed" if is_3ds else None,
            capture_before=None,
            attempted_at=event.created,
        )


def _key_of_failure(failure: Failure, event: StripeEvent) -> str:
    """Two events of one failure share its request; where Stripe names none (a challenge that ran out), its second."""
    cause = event.request_id or int(event.created.timestamp())
    return f"{event.object_id}:{cause}:{failure.payment_method_id}"
