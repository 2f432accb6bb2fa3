"""What Stripe's refusals mean: which end a request for good, and what is left of it then.

| Refused | Because of | Consequence |
| --- | --- | --- |
| create | anything | `close` the row: the next PUT opens the next generation |
| update, cancel, capture | the state: shown, or said by the code (`STATE_CODES`) | `look` at it, and decide again |
| update or expire of a Checkout Session | anything: it may be complete | `look` |
| update | `customer`, without a code: a late request may have set one | `look` |
| update, cancel, capture | anything else | `give up`: the caller is told in Stripe's words |
| the same, decided again in the same status | that state after all | `give up`; the call is not made again |
| retrieve, list | anything | `tell` the caller; nothing changes |
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeGuard

from app.payment_intents.protocol.events import PaymentCancelRefused, PaymentFlagged
from app.payment_intents.protocol.state import (
    AMOUNT_MISMATCH,
    Change,
    PaymentIntentState,
    release_lease,
)
from app.payment_intents.protocol.steps import (
    Call,
    CancelCall,
    CaptureCall,
    ConvergeRun,
    CreateCall,
    Done,
    Fail,
    FindCall,
    Refused,
    RetrieveCall,
    Step,
    UpdateCall,
)

Consequence = Literal["close", "look", "give up", "tell"]

# Stripe's codes that speak of the state of a PaymentIntent, or of its Charge.
_ANY = frozenset({"payment_intent_unexpected_state", "intent_invalid_state"})
STATE_CODES: Mapping[type[Call], frozenset[str]] = {
    UpdateCall: _ANY,
    CancelCall: _ANY,
    CaptureCall: _ANY
    | {
        "amount_too_large",
        "capture_charge_authorization_expired",
        "charge_already_captured",
        "charge_expired_for_capture",
    },
}


def consequence_of(call: Call, refused: Refused) -> Consequence:
    """Return what a refusal means, by the operation, the code and the parameter."""
    if isinstance(call, CreateCall):
        return "close"
    if isinstance(call, RetrieveCall | FindCall):
        return "tell"
    is_shown = refused.snapshot is not None
    is_customer_fixed = refused.stripe_code is None and refused.stripe_param == "customer"
    if isinstance(call, UpdateCall | CancelCall) and call.is_checkout:
        return "look"  # perhaps it is not open any more: it may have been paid
    is_about_state = is_shown or is_customer_fixed or refused.stripe_code in STATE_CODES[type(call)]
    return "look" if is_about_state else "give up"


def is_refused_before(
    step: Step, run: ConvergeRun, status: str | None
) -> TypeGuard[UpdateCall | CancelCall | CaptureCall]:
    """Whether the run would make the very call that Stripe refused already, in the same status if it showed that."""
    refused = run.refused
    if run.refused_in not in (None, status):
        return False
    if isinstance(step, UpdateCall | CancelCall | CaptureCall) and isinstance(refused, type(step)):
        return replace(step, key=refused.key) == refused
    return False


def give_up(change: Change, row: PaymentIntentState, run: ConvergeRun, call: Call) -> Fail | Done | None:
    """End what Stripe refused for good, so that no look of ours finds it to be done again.

    Another's newest request is left to them: they wait for the lease, try it, and are told. A PUT goes on (None) after
    a cancel or a capture that others asked for.
    """
    row = change.put(release_lease(row))
    match call:
        case UpdateCall():
            return _give_up_request(change, row, run)
        case CancelCall():
            row = _give_up_cancel(change, row)
            if row.must_be_replaced:
                return _give_up_request(change, row, run)
        case _:
            change.put(row._replace(capture_amount=None))
    return None if run.is_put else Fail()


def _give_up_cancel(change: Change, row: PaymentIntentState) -> PaymentIntentState:
    """Give up the cancel. An abandoned PaymentIntent waits another `abandoned_after`."""
    change.append(row, PaymentCancelRefused(row.cancel_reason))
    last_activity_at = change.now if row.cancel_reason == "abandoned" else row.last_activity_at
    row = row._replace(is_cancel_requested=False, cancel_reason=None, cancel_requested_by=None)
    return change.put(row._replace(last_activity_at=last_activity_at))


def _give_up_request(change: Change, row: PaymentIntentState, run: ConvergeRun) -> Fail | Done:
    applied, wanted = row.applied_terms, row.requested_terms
    if applied is not None and applied.is_of_session and applied.terms == wanted.filled_from(applied.terms):
        change.put(row._replace(applied_terms=replace(applied, is_of_session=False)))
        return Done()  # our own metadata alone was to be sent, which nobody asked for
    if not run.may_roll_back(row, change.context):
        return Done()
    is_other_price = applied is not None and applied.terms.price != wanted.price
    if is_other_price:
        change.append(row, PaymentFlagged("price_refused"))
        row = row._replace(refused_revision=row.revision)
    change.put(roll_back(row))
    return Fail()


def roll_back(row: PaymentIntentState) -> PaymentIntentState:
    """Return the request to what Stripe holds, so that a refused one is not tried for ever.

    That is a revision of its own: the one that is given up may still arrive, and must not be taken for this one.
    """
    applied = row.applied_terms
    if applied is None or applied.covers(row.requested_terms):
        return row
    revision = row.revision + 1
    return row._replace(
        requested_terms=applied.terms,
        applied_terms=replace(applied, is_of_session=False),
        revision=revision,
        is_rolled_back=True,
        refused_revision=None if row.refused_revision is None else revision,  # this one is not accepted either
    )


def withdraw(row: PaymentIntentState, run: ConvergeRun) -> PaymentIntentState:
    """Roll back the run's own request if it came after the payment of the one before it: it leaves no trace."""
    price = (row.amount, row.currency)
    is_too_late = row.status == "succeeded" and run.revision == row.revision and run.displaced == price
    return roll_back(row) if is_too_late and row.requested_terms.price != price else row


def withdraw_and_unflag(change: Change, row: PaymentIntentState, run: ConvergeRun) -> PaymentIntentState:
    """Withdraw a request whose payment a webhook told of first, and flagged."""
    after = withdraw(row, run)
    if after is row:
        return row
    after = change.put(after)
    return after if after.is_amount_mismatched else change.unflag(after, AMOUNT_MISMATCH)
