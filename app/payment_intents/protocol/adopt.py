"""Bring back a PaymentIntent that we made and that is missing here: an old backup was restored.

One that is still open here wins, since callers saw it last. The one brought back is then closed, and canceled at Stripe
if it could be paid: never two that a shopper can pay.
"""

from app.payment_intents.protocol.events import PaymentOpened
from app.payment_intents.protocol.record import apply_snapshot
from app.payment_intents.protocol.state import (
    FROZEN,
    SURPLUS,
    TERMINAL,
    Change,
    PaymentIntentState,
    ReferenceState,
)
from app.payment_intents.protocol.stripe_params import create_params
from app.payment_intents.protocol.terms import (
    PaymentIntentSnapshot,
    StripeMetadata,
    revision_in,
    terms_in,
)


def adopt(change: Change, snapshot: PaymentIntentSnapshot, ours: StripeMetadata) -> PaymentIntentState:
    """Make the row again: the reference's newest, or closed and below the newest.

    Stripe is asked again unless it has ended: what was retrieved may be old by now.
    """
    newest = change.state.newest
    is_next = comes_next(change.state, snapshot)
    generation = change.state.next_generation
    change.state = change.state._replace(next_generation=generation + 1)
    follows = newest is not None and newest.closed_at is None and is_next
    if newest is not None and follows:
        change.close(newest, "followed")
    if newest is not None and not is_next:
        change.put(newest._replace(generation=generation))
        generation = newest.generation
    held, revision = terms_in(snapshot), max(1, revision_in(snapshot.metadata))
    row = change.touch(
        PaymentIntentState(
            id=ours.payment_intent_id,
            reference=change.state.reference,
            generation=generation,
            create_params=create_params(held, revision, ours),
            requested_terms=held,
            revision=revision,
            created_at=snapshot.created,
            updated_at=change.now,
            last_activity_at=change.now,
            is_checkout=snapshot.checkout is not None,
            stripe_id=snapshot.payment_intent_id,
            checkout_id=snapshot.checkout.id if snapshot.checkout else None,
            previous_id=newest.id if newest is not None and follows else None,
            closed_at=None if is_next else change.now,
            closed_reason=None if is_next else SURPLUS,
        )
    )
    price = (snapshot.amount, snapshot.currency)
    opened = PaymentOpened(*price, row.generation, row.previous_id, is_adopted=True, channel=row.channel)
    change.append(row, opened)
    row = apply_snapshot(change, row, snapshot)
    return row if row.status in TERMINAL else change.put(row._replace(needs_refresh=True))


def comes_next(state: ReferenceState, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether it is what the reference comes to now that all that is here has ended.

    What was paid, or holds money, is, if nothing else was paid: the next PUT must not open another to pay. All else
    is only if it was made later; Stripe's times have whole seconds.
    """
    newest = state.newest
    if newest is None:
        return True
    if newest.is_open:
        return False
    has_money = snapshot.status == "succeeded" or snapshot.status in FROZEN
    if has_money and newest.status != "succeeded" and not state.paid:
        return True
    is_newer_request = revision_in(snapshot.metadata) > newest.revision
    return is_newer_request and snapshot.created >= newest.created_at.replace(microsecond=0)
