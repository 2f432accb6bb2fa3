"""A Checkout Session, with the PaymentIntent that it makes when the shopper confirms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.payment_intents.protocol.checkout import CheckoutState
from app.payment_intents.protocol.terms import NextAction
from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.payment_intent import FROZEN, PAYABLE, PaymentIntentSnapshot
from app.stripe_gateway.snapshots.read import Json

# In which a voucher or a debit is waited for: the session takes no other payment any more.
_WAITING = FROZEN | {"requires_action", "requires_confirmation"}


@dataclass(frozen=True, slots=True)
class CheckoutSessionSnapshot:
    """A Checkout Session at the moment when Stripe rendered it.

    `status` is the one that its PaymentIntent has, or would have. `is_partial`: that one was not rendered with it, and
    the session does not say whether the money is on its way, held, or failed to come. What lets a shopper pay, a client
    secret or an address, is not here: the gateway keeps it in memory.
    """

    id: str
    payment_intent_id: str | None
    checkout: CheckoutState
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
    fields: Json = field(repr=False)
    is_replay: bool = False
    request_id: str | None = None

    @classmethod
    def parse(cls, obj: Json, *, is_replay: bool = False, request_id: str | None = None) -> "CheckoutSessionSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what all have."""
        found = obj.get("payment_intent")
        intent = PaymentIntentSnapshot.parse(found) if isinstance(found, dict) else None
        checkout = CheckoutState(
            id=read.text(obj, "id"),
            status=read.text(obj, "status"),
            payment_status=read.text(obj, "payment_status"),
            expires_at=read.time(obj["expires_at"]),
        )
        status, reason = _status_of(checkout, intent)
        is_paid = status == "succeeded"
        amount = read.amount(obj, "amount_total", least=1)
        return cls(
            id=checkout.id,
            payment_intent_id=read.id_of(found),
            checkout=checkout,
            status=status,
            is_partial=intent is None and checkout.status == "complete" and not is_paid,
            amount=amount,
            currency=read.currency(obj),
            amount_received=intent.amount_received if intent else amount if is_paid else 0,
            amount_capturable=intent.amount_capturable if intent else 0,
            metadata=read.metadata(obj.get("metadata")),
            cancellation_reason=reason,
            created=read.time(obj["created"]),
            next_action=intent.next_action if intent else None,
            fields=_fields(obj, intent, amount),
            is_replay=is_replay,
            request_id=request_id,
        )


def _status_of(checkout: CheckoutState, intent: PaymentIntentSnapshot | None) -> tuple[str, str | None]:
    """Return the status of a PaymentIntent that fits, and why it is canceled.

    Money counts before all: a PaymentIntent that has it tells the truth, whatever its session says.
    """
    if intent is not None and (intent.status == "succeeded" or intent.status in FROZEN):
        return intent.status, None
    match checkout.status:
        case "expired":
            return "canceled", "checkout_expired"
        case "complete" if intent is None:
            return ("succeeded" if checkout.payment_status == "paid" else "processing"), None
        case "complete" if intent is not None and intent.status in _WAITING:
            return "processing", None
        case "complete":
            return "canceled", (intent.cancellation_reason if intent else None) or "checkout_failed"
        case _:
            return (intent.status if intent and intent.status in PAYABLE else "requires_payment_method"), None


def _fields(obj: Json, intent: PaymentIntentSnapshot | None, amount: int) -> Json:
    """Return what a caller can set. What is bought is not shown with a session, only its sum: that is one item."""
    urls = {"return_url": read.word(obj.get("return_url")) or read.word(obj.get("success_url")) or ""}
    shown = {
        "ui_mode": read.word(obj.get("ui_mode")) or "hosted_page",
        "line_items": [{"name": "Order", "unit_amount": amount}],
        **urls,
    }
    of_payment = {} if intent is None else dict(intent.fields)
    return of_payment | {"customer": read.id_of(obj.get("customer")), "checkout": shown}
