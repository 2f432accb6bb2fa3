"""Bring back a PaymentIntent that we made and that is missing here: an old backup was restored.

One that is still open here wins, since callers saw it last. The one brought back is then closed, and canceled at Stripe
if it could be paid: never two that a shopper can pay.
"""

from app.payment_intents.protocol.events import PaymentOpened
from app.payment_intents.protocol.record import apply_snapshot
from app.payment_intents.protocol.state import SURPLUS, TERMINAL, Change, PaymentIntentState
from app.payment_intents.protocol.terms import (
    PaymentIntentSnapshot,
    StripeMetadata,
    create_params,
    revision_in,
    terms_in,
)


def adopt(change: Change, snapshot: PaymentIntentSnapshot, ours: StripeMetadata) -> PaymentIntentState:
    """Make the row again: the reference's newest, or closed and below the newest.

    Stripe is asked again unless it has ended: what was retrieved may be old by now.
    """
    newest = change.state.newest
    is_next = comes_next(newest, snapshot)
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
            stripe_id=snapshot.id,
            previous_id=newest.id if newest is not None and follows else None,
            closed_at=None if is_next else change.now,
            closed_reason=None if is_next else SURPLUS,
        )
    )
    opened = PaymentOpened(snapshot.amount, snapshot.currency, row.generation, row.previous_id, is_adopted=True)
    change.append(row, opened)
    row = apply_snapshot(change, row, snapshot)
    return row if row.status in TERMINAL else change.put(row._replace(needs_refresh=True))


def comes_next(newest: PaymentIntentState | None, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether it was made after all that the reference has here had ended; Stripe's times have whole seconds."""
    if newest is None:
        return True
    is_newer_request = revision_in(snapshot.metadata) > newest.revision
    return not newest.is_open and is_newer_request and snapshot.created >= newest.created_at.replace(microsecond=0)
