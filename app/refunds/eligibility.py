"""Check what may be refunded: which PaymentIntent of a reference, and how much of it."""

from collections.abc import Sequence

from app.payment_intents.errors import Moved, PaymentIntentNotFound
from app.payment_intents.protocol.state import PaymentIntentState
from app.refunds.errors import (
    NothingToRefund,
    PaymentIntentAmbiguous,
    PaymentNotCaptured,
    PaymentNotRefundable,
    RefundExceedsPayment,
)


def choose(moved_to: str | None, generations: Sequence[PaymentIntentState], named: str | None) -> PaymentIntentState:
    """Return the PaymentIntent that succeeded, or the one that the caller names by our id or Stripe's.

    Raises PaymentIntentNotFound, Moved, PaymentIntentAmbiguous (several succeeded and none is named),
    PaymentNotCaptured or PaymentNotRefundable.
    """
    candidates = [row for row in generations if named is None or named.lower() == str(row.id) or named == row.stripe_id]
    paid = [row for row in candidates if row.status == "succeeded"]
    if moved_to is not None and named is None:
        raise Moved(cart_id=moved_to)  # what is left here is of an order before
    if len(paid) > 1:
        raise PaymentIntentAmbiguous(payment_intents=[str(row.id) for row in paid])
    if paid:
        return paid[0]
    if moved_to is not None:
        raise Moved(cart_id=moved_to)
    if not candidates:
        raise PaymentIntentNotFound("This reference has no such PaymentIntent." if named else None)
    if candidates[0].status == "requires_capture":
        raise PaymentNotCaptured(payment_intent_id=str(candidates[0].id))
    raise PaymentNotRefundable(payment_status=candidates[0].status)


def amount_of(requested: int | None, *, left: int) -> int:
    """Return the amount to refund: the requested one, or all that is left.

    Raises RefundExceedsPayment or NothingToRefund.
    """
    if requested is None and left == 0:
        raise NothingToRefund
    if requested is not None and requested > left:
        raise RefundExceedsPayment(amount_refundable=left)
    return left if requested is None else requested
