"""What the PaymentIntent of a Checkout Session says of the session.

A webhook, a capture or a release shows the PaymentIntent alone. That it succeeded is final; whatever else it says, the
session decides whether the shopper can still pay, and Stripe is asked about that.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.payment_intents.protocol.checkout import CheckoutState
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.stripe_params import created_with
from app.payment_intents.protocol.terms import (
    NextAction,
    PaymentIntentSnapshot,
)


class PaymentOfCheckout(NamedTuple):
    """A PaymentIntent as the snapshot of its session; its metadata is that of the terms which the session holds."""

    id: str
    payment_intent_id: str | None
    status: str
    is_partial: bool
    amount: int
    currency: str
    amount_received: int
    amount_capturable: int
    metadata: Mapping[str, str]
    cancellation_reason: str | None
    created: datetime
    next_action: NextAction | None
    checkout: CheckoutState | None
    fields: Mapping[str, Any]
    is_replay: bool
    request_id: str | None


def as_of(row: PaymentIntentState, snapshot: PaymentIntentSnapshot) -> PaymentIntentSnapshot:
    """Return a snapshot as one of what the row is about."""
    if not row.is_checkout or snapshot.checkout is not None:
        return snapshot
    is_own = row.stripe_id in (None, snapshot.payment_intent_id)
    is_paid = snapshot.status == "succeeded"
    held = row.applied_terms or created_with(row.create_params)
    checkout = row.checkout
    if checkout is not None and is_paid:
        checkout = checkout._replace(status="complete", payment_status="paid")
    reference = {"reference_kind": row.reference.kind, "reference_id": row.reference.id}
    return PaymentOfCheckout(
        id=(row.object_id or snapshot.id) if is_own else snapshot.id,
        payment_intent_id=snapshot.payment_intent_id,
        status=snapshot.status,
        is_partial=not is_paid,
        amount=snapshot.amount,
        currency=snapshot.currency,
        amount_received=snapshot.amount_received,
        amount_capturable=snapshot.amount_capturable,
        metadata={**snapshot.metadata, **reference, "revision": str(held.revision or 0)},
        cancellation_reason=snapshot.cancellation_reason,
        created=snapshot.created,
        next_action=snapshot.next_action,
        checkout=checkout,
        fields=snapshot.fields,
        is_replay=snapshot.is_replay,
        request_id=snapshot.request_id,
    )
