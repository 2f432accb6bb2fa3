"""How each type of domain event is told to a person: a headline, and a sentence that says what it means.

Data is read tolerantly: that of an event of an earlier release may lack a field.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.attempts.explanations import explain
from app.payment_intents.currencies import display
from app.payment_intents.protocol import events

Data = Mapping[str, Any]


class Story(NamedTuple):
    headline: str
    sentence: str


def tell(type_: str, data: Data) -> Story:
    """Return an event as a person reads it. One of a type that this release does not know has its name alone."""
    story = STORIES.get(type_)
    return story(data) if story is not None else Story(type_, "This release has no words for it.")


def money(data: Data, name: str = "amount", currency: str = "currency") -> str:
    amount, unit = data.get(name), data.get(currency)
    return display(amount, unit) if isinstance(amount, int) and isinstance(unit, str) else "an unknown amount"


def _opened(data: Data) -> Story:
    number = data.get("generation", 1)
    if data.get("is_adopted"):
        return Story(
            "Found again at Stripe", f"A payment of {money(data)} was missing here, and came back from Stripe."
        )
    place = ", in a Checkout Session" if data.get("channel") == "checkout_session" else ""
    return Story("Payment begun", f"{money(data)} is owed; this is payment {number} of this cart or session{place}.")


def _amount_changed(data: Data) -> Story:
    before = money(data, "previous_amount", "previous_currency")
    return Story("Amount changed", f"{money(data)} is owed now, {before} before. Nothing was paid yet.")


def _action_required(data: Data) -> Story:
    action = str(data.get("next_action"))
    if action == "display_bank_transfer_instructions":
        return Story("Shopper must transfer", f"The shopper was told where to transfer {money(data)}.")
    if action == "verify_with_microdeposits":
        return Story("Shopper must confirm", "Stripe sent small amounts to the shopper's account; they must name them.")
    if "display" in action:
        return Story("Shopper must pay a voucher", f"The shopper got a voucher for {money(data)}, to pay elsewhere.")
    return Story(
        "Shopper must confirm", f"The bank asks the shopper to confirm {money(data)}, with 3D Secure or the like."
    )


def _partially_funded(data: Data) -> Story:
    missing = money(data, "amount_remaining")
    return Story("A part has arrived", f"Of {money(data)}, the shopper still has to transfer {missing}.")


def _processing(data: Data) -> Story:
    return Story("Payment on its way", f"{money(data)} is on its way, which may take days. It can still fail.")


def _authorized(data: Data) -> Story:
    return Story("Money held", f"{money(data)} is held on the card. It has to be captured, or it goes back.")


def _succeeded(data: Data) -> Story:
    return Story("Paid", f"{money(data, 'amount_received')} was received.")


CANCELED = {
    "abandoned": "Nobody did anything for long, so it was canceled. Nothing was charged.",
    "requested": "It was canceled as asked for. Nothing was charged.",
    "card_testing": "Too many attempts failed in a short time, as when somebody tries out stolen cards.",
    "replaced": "Other terms needed a new payment, which takes its place. Nothing was charged.",
    "hold_expired": "The held money was not captured in time and went back to the customer.",
    "stripe": "Stripe canceled it for a reason of its own. Nothing was charged.",
    "dashboard": "Somebody canceled it at Stripe, in the dashboard or by another program. Nothing was charged.",
    "refused": "Stripe refused to create it. Nothing was charged.",
    "failed": "Stripe failed to create it for good. Nothing was charged.",
    "gone": "Stripe does not have it any more.",
    "checkout_expired": "Its Checkout Session was open for as long as Stripe allows, and nobody paid.",
    "checkout_failed": "Its Checkout Session was completed, and the money did not come after all.",
    "followed": "The next payment follows it.",
    "surplus": "Another payment was open already when this one came back from Stripe.",
}


def _canceled(data: Data) -> Story:
    return Story("Canceled", CANCELED.get(str(data.get("reason")), "It was canceled. Nothing was charged."))


def _attached_to_cart(data: Data) -> Story:
    names = f"of session {data.get('session_id')} is cart {data.get('cart_id')}'s"
    return Story("Moved to a cart", f"The guest logged in: the payment {names} from now on.")


FLAGS = {
    "amount_mismatch": "The shopper paid another amount than the cart owed by then.",
    "duplicate_payment": "Two payments of one cart succeeded: one of them is to be refunded.",
    "disputed": "The shopper's bank has opened a dispute.",
    "price_refused": "Stripe refused the newest price; an older one may be paid.",
    "paid_after_close": "Money moved on a payment that was over: it is to be refunded or released.",
    "fraud_warning": "The card's network suspects a fraud.",
}


def _flagged(data: Data) -> Story:
    return Story("A person should look at it", FLAGS.get(str(data.get("flag")), "It was flagged."))


def _unflagged(data: Data) -> Story:
    return Story("Need not be looked at any more", f"What was flagged is over: {_words(data.get('flag'))}.")


def _cancel_refused(_: Data) -> Story:
    return Story("Cancel refused", "Stripe refused to cancel it: it can still be paid.")


def _noted(data: Data) -> Story:
    return Story("Noted by an earlier release", f"It was called {data.get('earlier_type')}.")


def _attempt_failed(data: Data) -> Story:
    explanation = explain(data.get("failure_code"), data.get("decline_code"), data.get("payment_method_type"))
    return Story("Attempt failed", f"{money(data)} was not paid. {explanation or 'No reason was given.'}")


def _attempt_succeeded(data: Data) -> Story:
    return Story("Attempt succeeded", f"{money(data)} was taken from the customer, or is held for them.")


def _refund_requested(data: Data) -> Story:
    where = "in Stripe's dashboard" if data.get("origin") == "stripe" else "here"
    return Story("Refund requested", f"A refund of {money(data)} was requested {where}. It may take days.")


def _refund_succeeded(data: Data) -> Story:
    return Story("Refunded", f"{money(data)} was sent back to the customer. Banks show it after some days.")


def _refund_failed(data: Data) -> Story:
    was = " although it had succeeded before" if data.get("previous_status") == "succeeded" else ""
    why = data.get("failure_reason") or data.get("stripe_code")
    reason = f" Stripe's reason: {why}." if why else ""
    match data.get("status"):
        case "failed":
            what = f"The customer was not repaid {money(data)}{was}. Repay them another way."
        case "canceled":
            what = f"The refund of {money(data)} was canceled{was}: nothing is sent to the customer."
        case _:
            what = f"Stripe did not take the refund of {money(data)}. Look at the payment before you repay."
    return Story("Refund failed", f"{what}{reason}")


def _dispute_opened(data: Data) -> Story:
    is_inquiry = str(data.get("status")).startswith("warning_")
    asks = "asks about" if is_inquiry else "wants back"
    due = f" Answer at Stripe by {data['due_by'][:10]}." if data.get("due_by") else ""
    return Story("Dispute opened", f"The shopper's bank {asks} {money(data)}: {_words(data.get('reason'))}.{due}")


def _dispute_updated(data: Data) -> Story:
    return Story("Dispute moved on", f"The dispute about {money(data)} is now: {_words(data.get('status'))}.")


OUTCOMES = {
    "won": "was won: the money stays.",
    "lost": "was lost: the money is gone.",
    "warning_closed": "was an inquiry, and ended without a claim.",
    "prevented": "was prevented.",
}


def _dispute_closed(data: Data) -> Story:
    outcome = OUTCOMES.get(str(data.get("status")), f"ended: {_words(data.get('status'))}.")
    return Story("Dispute over", f"The dispute about {money(data)} {outcome}")


def _fraud_warning(data: Data) -> Story:
    now = " A refund now may save a dispute." if data.get("is_actionable") else ""
    return Story("Fraud suspected", f"The card's network suspects a fraud: {_words(data.get('fraud_type'))}.{now}")


ACTIONS = {
    "refund": ("Refund ordered", "ordered a refund of {money}"),
    "cancel": ("Cancel ordered", "ordered that it be canceled"),
    "capture": ("Capture ordered", "ordered that {money} be captured"),
    "ask_stripe": ("Stripe asked", "had Stripe asked how it stands"),
    "redeliver": ("Notified again", "had a notification sent again"),
    "mark_seen": ("Looked at", "looked at it and found nothing more to do"),
}


def _action_requested(data: Data) -> Story:
    action = str(data.get("action"))
    headline, sentence = ACTIONS.get(action, ("Acted on by hand", f"asked for: {_words(action)}"))
    return Story(headline, f"A person {sentence.format(money=money(data))}. Reason: {_words(data.get('why'))}.")


def _words(code: object) -> str:
    """Return a code of Stripe's as words."""
    return str(code).replace("_", " ") if code else "no reason given"


STORIES: Mapping[str, Callable[[Data], Story]] = {
    events.PaymentOpened.type: _opened,
    events.PaymentAmountChanged.type: _amount_changed,
    events.PaymentActionRequired.type: _action_required,
    events.PaymentPartiallyFunded.type: _partially_funded,
    events.PaymentProcessing.type: _processing,
    events.PaymentAuthorized.type: _authorized,
    events.PaymentSucceeded.type: _succeeded,
    events.PaymentCanceled.type: _canceled,
    events.PaymentAttachedToCart.type: _attached_to_cart,
    events.PaymentFlagged.type: _flagged,
    events.PaymentUnflagged.type: _unflagged,
    events.PaymentCancelRefused.type: _cancel_refused,
    events.PaymentNoted.type: _noted,
    events.AttemptFailed.type: _attempt_failed,
    events.AttemptSucceeded.type: _attempt_succeeded,
    events.RefundRequested.type: _refund_requested,
    events.RefundSucceeded.type: _refund_succeeded,
    events.RefundFailed.type: _refund_failed,
    events.DisputeOpened.type: _dispute_opened,
    events.DisputeUpdated.type: _dispute_updated,
    events.DisputeClosed.type: _dispute_closed,
    events.FraudWarningCreated.type: _fraud_warning,
    events.ActionRequested.type: _action_requested,
}
