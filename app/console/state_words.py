"""How a payment stands, in plain words: what is the case, and what happens next and when."""

from datetime import datetime
from typing import Literal, NamedTuple

from app.console.pages import distance, moment, money
from app.payment_intents.schemas import PaymentIntentRead
from app.timeline.stories import CANCELED, FLAGS

# How it looks: finished well, needs a person, waits for somebody, or is over.
Tone = Literal["good", "bad", "wait", "over"]


class StateWords(NamedTuple):
    label: str
    tone: Tone
    sentence: str
    next: str | None = None


LABELS: dict[str, tuple[str, Tone]] = {
    "requires_payment_method": ("Not paid", "wait"),
    "requires_confirmation": ("Not paid", "wait"),
    "requires_action": ("Shopper must confirm", "wait"),
    "processing": ("On its way", "wait"),
    "requires_capture": ("Money held", "wait"),
    "succeeded": ("Paid", "good"),
    "canceled": ("Canceled", "over"),
}


def label_of(payment: PaymentIntentRead) -> tuple[str, Tone]:
    """Return a payment's state in two or three words."""
    if payment.status is None:
        return ("Refused", "over") if payment.closed_reason == "refused" else ("Being created", "wait")
    label, tone = LABELS.get(payment.status, (payment.status.replace("_", " "), "wait"))
    if payment.status == "succeeded":
        label, tone = _label_of_paid(payment)
    if payment.flags and payment.status != "canceled":
        tone = "bad"
    return label, tone


def _label_of_paid(payment: PaymentIntentRead) -> tuple[str, Tone]:
    if payment.amount_lost:
        return "Dispute lost", "bad"
    if payment.amount_disputed:
        return "Disputed", "bad"
    if payment.amount_refunded >= payment.amount_received > 0:
        return "Refunded", "over"
    if payment.amount_refunded:
        return "Partly refunded", "good"
    return "Paid", "good"


def explain_state(payment: PaymentIntentRead, now: datetime) -> StateWords:
    """Say how a payment stands, as one would on the phone."""
    label, tone = label_of(payment)
    sentence, following = _sentences(payment, now)
    if payment.is_price_refused:
        following = f"{FLAGS['price_refused']} The shop has to send an amount that Stripe accepts."
    return StateWords(label, tone, sentence, following)


def _sentences(payment: PaymentIntentRead, now: datetime) -> tuple[str, str | None]:
    owed = money(payment.requested_amount, payment.currency)
    if payment.status is None and payment.closed_at is None:
        return "Stripe is asked to create it.", "If Stripe does not answer, a worker finds out within two minutes."
    match payment.status:
        case "requires_payment_method" | "requires_confirmation":
            tried = (
                f"The last attempt failed. {payment.last_error}" if payment.last_error else "Nobody has tried to pay."
            )
            return f"{owed} is owed. {tried}", _expiry(payment, now)
        case "requires_action":
            return f"{owed} is owed. {_action(payment)}", _expiry(payment, now)
        case "processing":
            return (
                f"{owed} is on its way.",
                "Some payment methods take days, and it can still fail. Nothing is to be done.",
            )
        case "requires_capture":
            held = money(payment.amount_capturable, payment.currency)
            return f"{held} is held on the card, and not taken yet.", _capture(payment, now)
        case "succeeded":
            return _paid_sentence(payment), _after_payment(payment)
        case _:
            return CANCELED.get(str(payment.closed_reason), "It is over. Nothing was charged."), None


def _action(payment: PaymentIntentRead) -> str:
    action = payment.next_action
    if action is None:
        return "The bank asks the shopper to confirm it, as with 3D Secure."
    if action.amount_remaining is not None:
        missing = money(action.amount_remaining, payment.currency)
        return f"The shopper has to transfer {missing}; a transfer takes some days to arrive."
    if action.expires_at is not None:
        return f"The shopper has a voucher, which can be paid until {moment(action.expires_at)} UTC."
    if action.type == "verify_with_microdeposits":
        return "The shopper has to name the small amounts that Stripe sent to their bank account; it takes some days."
    return "The bank asks the shopper to confirm it, as with 3D Secure."


def _expiry(payment: PaymentIntentRead, now: datetime) -> str | None:
    if payment.expires_at is None:
        return None
    when = f"{moment(payment.expires_at)} UTC, {distance(payment.expires_at, now)}"
    return f"If nobody does anything, it is canceled on {when}."


def _capture(payment: PaymentIntentRead, now: datetime) -> str:
    if payment.capture_before is None:
        return "It has to be captured, or it goes back to the customer."
    when = f"{moment(payment.capture_before)} UTC, {distance(payment.capture_before, now)}"
    return f"It has to be captured before {when}, or it goes back to the customer."


def _paid_sentence(payment: PaymentIntentRead) -> str:
    received = money(payment.amount_received, payment.currency)
    when = f" on {moment(payment.paid_at)} UTC" if payment.paid_at else ""
    if payment.amount_refunded:
        back = money(payment.amount_refunded, payment.currency)
        return f"{received} was received{when}, and {back} of it was sent back or is on its way."
    return f"{received} was received{when}."


def _after_payment(payment: PaymentIntentRead) -> str | None:
    if payment.amount_disputed:
        return "The shopper's bank keeps money back. Answer the dispute at Stripe; it can't be refunded meanwhile."
    if payment.amount_lost:
        return "The shopper's bank took the money back for good."
    return FLAGS.get(payment.flags[0]) if payment.flags else None
