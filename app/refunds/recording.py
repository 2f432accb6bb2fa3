"""How what Stripe says of refunds changes a PaymentIntent: its sums are right in the same write.

State moves forward only; a refund that came to nothing stays so, whatever arrives late.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from app.payment_intents.protocol.events import RefundFailed, RefundRequested, RefundSucceeded
from app.payment_intents.protocol.state import Change, PaymentIntentState
from app.payment_intents.protocol.terms import id_in
from app.refunds import repository
from app.refunds.refund import REFUSED, Refund, refunded, reserved
from app.refunds.repository import REFUNDS
from app.stripe_gateway import RefundSnapshot
from app.stripe_gateway.errors import StripeRefused

# A status may be followed by one of the same step or of a later one. Words that Stripe adds count as under way.
STEPS = {None: 0, REFUSED: 1, "requires_action": 2, "pending": 2, "succeeded": 3, "failed": 4, "canceled": 4}
UNDER_WAY, NOTHING_CAME_OF_IT = 2, 4

# Bank transfers take days: one under way is asked about now and then, in case its webhook was lost.
FIRST_LOOK = timedelta(minutes=10)

# Stripe's reason for the refund of an authorization that ran out.
UNCAPTURED = "expired_uncaptured_charge"


def is_release(change: Change, row: PaymentIntentState, snapshot: RefundSnapshot, known: Mapping[str, Refund]) -> bool:
    """Whether it is the part of a hold that was released: API versions before 2025-03-31 make a refund of that.

    Nobody got money back, and nothing of what was captured is gone. One that we asked for, or took for a refund before,
    is none. `row` is final.
    """
    is_ours = id_in(snapshot.metadata, change.context.config.instance, "refund_id") is not None
    if is_ours or any(each.stripe_id == snapshot.id for each in known.values()):
        return False
    if snapshot.reason == UNCAPTURED or row.status == "canceled":
        return True
    released = (row.amount or 0) - row.amount_received
    return released == snapshot.amount and not snapshot.has_moved_money


def record(change: Change, row: PaymentIntentState, snapshot: RefundSnapshot, known: dict[str, Refund]) -> Refund:
    """Record what Stripe says of a refund: match it by Stripe's id, else by ours, else adopt it.

    `known` are the refunds of the PaymentIntent by our id, and are kept up.
    """
    row = change.state.get(row.id) or row
    refund = _match(change, row, snapshot, known) or _adopted(change, row, snapshot, known)
    if not _is_new(refund, snapshot):
        return refund
    previous, refund = refund.status, _updated(change, refund, snapshot)
    save(change, row, refund, known)
    is_first = previous is None and refund.origin == "stripe"
    if refund.status == "succeeded":
        change.append(row, RefundSucceeded(*_facts(refund)))
    elif STEPS.get(refund.status) == NOTHING_CAME_OF_IT:
        change.append(row, RefundFailed(*_facts(refund), snapshot.status, previous, refund.failure_reason))
    elif is_first:
        change.append(row, RefundRequested(*_facts(refund)))
    return refund


def refuse(
    change: Change, row: PaymentIntentState, refund: Refund, refusal: StripeRefused, known: dict[str, Refund]
) -> Refund:
    """Record Stripe's definite "no" to a refund that nothing else is known of: its amount is free again."""
    reason = {"detail": refusal.detail, **refusal.extensions}
    refund = replace(refund, status=REFUSED, recheck_after=None, refusal=reason, updated_at=change.now)
    save(change, row, refund, known)
    change.append(row, RefundFailed(*_facts(refund), REFUSED, stripe_code=refusal.extensions["stripe_code"]))
    return refund


def save(change: Change, row: PaymentIntentState, refund: Refund, known: dict[str, Refund]) -> None:
    """Write a refund, and bring the PaymentIntent's sums to what its refunds say."""
    known[str(refund.id)] = refund
    change.save(REFUNDS, refund.id, repository.row_of(refund))
    of_this = [each for each in known.values() if each.payment_intent_id == row.id]
    change.touch(row._replace(amount_refunded=refunded(of_this), amount_reserved=reserved(of_this)))


def request(change: Change, row: PaymentIntentState, refund: Refund, known: dict[str, Refund]) -> None:
    """Reserve the amount of a refund that a caller asks for, and tell it."""
    change.append(row, RefundRequested(*_facts(refund)))
    save(change, row, refund, known)


def _facts(refund: Refund) -> tuple[UUID, str | None, int, str, str | None, str]:
    return refund.id, refund.stripe_id, refund.amount, refund.currency, refund.reason, refund.origin


def _match(
    change: Change, row: PaymentIntentState, snapshot: RefundSnapshot, known: dict[str, Refund]
) -> Refund | None:
    for refund in known.values():
        if refund.stripe_id == snapshot.id:
            return refund
    ours = known.get(str(id_in(snapshot.metadata, change.context.config.instance, "refund_id")))
    if ours is None or ours.stripe_id is not None or ours.payment_intent_id != row.id:
        return None
    return ours


def _adopted(change: Change, row: PaymentIntentState, snapshot: RefundSnapshot, known: dict[str, Refund]) -> Refund:
    """Take a refund as our own that was made in Stripe's dashboard: it counts against what is left.

    One that we made ourselves, and that a backup had lost, gets its id again.
    """
    instance = change.context.config.instance
    ours = id_in(snapshot.metadata, instance, "refund_id")
    is_ours = ours is not None and str(ours) not in known and id_in(snapshot.metadata, instance) == row.id
    return Refund(
        id=ours if ours is not None and is_ours else UUID(str(uuid7())),
        payment_intent_id=row.id,
        origin="stripe",
        amount=snapshot.amount,
        currency=snapshot.currency,
        reason=snapshot.reason,
        created_at=snapshot.created,
        updated_at=change.now,
    )


def _is_new(refund: Refund, snapshot: RefundSnapshot) -> bool:
    now, then = STEPS.get(snapshot.status, UNDER_WAY), STEPS.get(refund.status, UNDER_WAY)
    return refund.status != snapshot.status and then != NOTHING_CAME_OF_IT and now >= then


def _updated(change: Change, refund: Refund, snapshot: RefundSnapshot) -> Refund:
    refund = replace(
        refund,
        stripe_id=snapshot.id,
        status=snapshot.status,
        refusal=None,
        amount=snapshot.amount,
        currency=snapshot.currency,
        failure_reason=snapshot.failure_reason,
        updated_at=change.now,
    )
    return replace(refund, recheck_after=None if refund.is_final else change.now + FIRST_LOOK)
