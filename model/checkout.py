"""Checkout Sessions at Stripe: how they change, and what is read of them.

A session is an Intent with `checkout`; `payment` is its PaymentIntent's status, None until the shopper confirms. What
the gateway makes of the two is worked out by the gateway.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.payment_intents.protocol.checkout import ELEMENTS, CheckoutState
from app.stripe_gateway import CheckoutSessionSnapshot
from model.state import NOW, Intent, Interned, intern
from model.steps import remembered

# After all that can be late, and before anybody counts as gone for long.
ENDS_AT = NOW + timedelta(hours=23)

# In these, the session's part is done; a voucher's PaymentIntent waits for days in `requires_action`.
VOUCHER = "voucher"
COMPLETE = frozenset({"succeeded", "processing", "requires_capture", VOUCHER})


def opened(intent: Intent, ui_mode: str) -> Intent:
    """Return an open session. Its PaymentIntent will have the metadata that the session begins with."""
    state = CheckoutState(f"cs_{intent.number}", "open", "unpaid", ENDS_AT)
    return intent._replace(checkout=state, ui_mode=ui_mode, marks=intent.items)


def with_sum(intent: Intent, items: Sequence[Mapping[str, Any]]) -> Intent:
    """Return it with the price and the name of its one item."""
    [price] = [item["price_data"] for item in items]
    return intent._replace(amount=price["unit_amount"], item=price["product_data"]["name"])


def with_items(intent: Intent, items: Sequence[Mapping[str, Any]]) -> Intent:
    """Return an open session with other items: an attempt that the shopper is authenticating is over."""
    assert intent.ui_mode == ELEMENTS, "Stripe does not let the items of a hosted page be changed"
    is_over = intent.payment == "requires_action"
    after = intent._replace(payment="requires_payment_method") if is_over else intent
    return _read(with_sum(after, items))


@remembered
def confirmed(intent: Intent, outcome: str) -> Intent:
    """Return the session with this status of its PaymentIntent, which a first confirmation makes; or with a voucher."""
    assert intent.checkout is not None
    status = "complete" if outcome in COMPLETE else intent.checkout.status
    payment_status = "paid" if outcome == "succeeded" else "unpaid"
    after = intent.checkout._replace(status=status, payment_status=payment_status)
    return _read(intent._replace(checkout=after, payment="requires_action" if outcome == VOUCHER else outcome))


@remembered
def expired(intent: Intent, by: str) -> Intent:
    """Return the session when it has expired: what the shopper had begun is over."""
    assert intent.checkout is not None
    payment = "canceled" if intent.payment else None
    after = intent._replace(checkout=intent.checkout._replace(status="expired"), payment=payment, ended_by=by)
    return _read(after)


@remembered
def payment_of(intent: Intent) -> Intent:
    """Return a session's PaymentIntent as Stripe shows it, alone."""
    assert intent.payment is not None
    return intent._replace(
        checkout=None, payment=None, ui_mode="", status=intent.payment, items=intent.marks, marks=(), is_partial=False
    )


@remembered
def told(webhook: Interned[Intent]) -> tuple[Interned[Intent], ...]:
    """Return what may be told of a change: the PaymentIntent, or the session without it, or either."""
    intent = webhook.value
    return (webhook,) if intent.checkout is None else tuple(map(intern, _told(intent)))


def _told(intent: Intent) -> tuple[Intent, ...]:
    assert intent.checkout is not None
    of_payment = () if intent.payment is None else (payment_of(intent),)
    # Nothing is told of a session that stays open, or whose hold is released.
    if intent.checkout.status == "open" or (intent.checkout.status == "complete" and intent.payment == "canceled"):
        return of_payment
    has_failed = intent.checkout.status == "complete" and intent.payment == "requires_payment_method"
    session = _read(intent, is_expanded=False)
    return (session._replace(status="requires_payment_method") if has_failed else session, *of_payment)


def _read(intent: Intent, *, is_expanded: bool = True) -> Intent:
    """Return the session as the gateway reads it."""
    snapshot = CheckoutSessionSnapshot.parse(_rendered(intent, is_expanded=is_expanded))
    return intent._replace(
        status=snapshot.status,
        is_partial=snapshot.is_partial,
        amount_received=snapshot.amount_received,
        cancellation_reason=snapshot.cancellation_reason,
    )


def _rendered(intent: Intent, *, is_expanded: bool) -> dict[str, Any]:
    """Return the session as Stripe's JSON; without its PaymentIntent, as in a webhook, unless that is expanded."""
    assert intent.checkout is not None
    created = int(NOW.timestamp())
    price = {"currency": intent.currency, "metadata": {}, "created": created}
    payment = f"pi_{intent.number}"
    received = intent.amount if intent.payment == "succeeded" else 0
    whole = price | {"id": payment, "status": intent.payment, "amount": intent.amount, "amount_received": received}
    state = {**intent.checkout._asdict(), "expires_at": int(ENDS_AT.timestamp())}
    shown = (whole if is_expanded else payment) if intent.payment else None
    return price | state | {"amount_total": intent.amount, "payment_intent": shown}
