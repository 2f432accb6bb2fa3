"""Bring back a PaymentIntent that we made and that is missing here: an old backup was restored.

Its row is made again from what Stripe holds, under the id and the reference in its metadata. What the reference
has here is asked for at Stripe first. One that is still open wins, since callers saw it last; the one brought back is
then cancelled, if it could be paid: never two that a shopper can pay.
"""

import asyncio
import random
import time

import structlog
from uuid_utils.compat import uuid4

from app.payment_intents import repository
from app.payment_intents.convergence import RACE_PAUSE, context_at, converge
from app.payment_intents.errors import PaymentIntentNotFound, SyncPending
from app.payment_intents.protocol.commands import Refresh
from app.payment_intents.protocol.record import record_adopted
from app.payment_intents.protocol.state import PAYABLE, Actor, Change, PaymentIntentState
from app.payment_intents.protocol.terms import (
    Reference,
    StripeMetadata,
    create_params,
    metadata_in,
    revision_in,
    terms_in,
)
from app.payment_intents.repository import PaymentIntentLookup
from app.resources import Resources
from app.stripe_gateway import PaymentIntentSnapshot
from app.stripe_gateway.errors import UnexpectedState

log = structlog.get_logger()

ACTOR = Actor("job:adopt")


async def adopt(resources: Resources, stripe_id: str) -> PaymentIntentState | None:
    """Bring it back; None when it is not ours, or its id is another's here.

    Raises StripeRefused when Stripe does not have it, or Unavailable.
    """
    snapshot = await resources.stripe.retrieve_payment_intent(stripe_id)
    ours = metadata_in(snapshot.metadata, resources.settings.instance)
    if ours is None:
        return None
    reference = await _follow(resources, ours.reference)
    newest = await _refresh(resources, reference)
    if snapshot.status in PAYABLE and not _is_next(newest, snapshot):
        snapshot = await _cancel(resources, snapshot)
    row = await _restore(resources, reference, snapshot, ours)
    if row is not None:
        log.warning("payment_intent.adopted", stripe_id=stripe_id, status=row.status, generation=row.generation)
    return row


async def find_or_adopt(resources: Resources, stripe_id: str) -> PaymentIntentState | None:
    """Return the row of a PaymentIntent at Stripe; None when it is not ours. Raises what `adopt` does."""
    row = await repository.find(resources.database, PaymentIntentLookup(stripe_id))
    return row or await adopt(resources, stripe_id)


async def _follow(resources: Resources, reference: Reference) -> Reference:
    """Return the cart that a session's PaymentIntent was attached to."""
    found = await repository.read(resources.database, reference, threshold=1)
    return Reference("cart", found.state.moved_to) if found.state.moved_to else reference


async def _refresh(resources: Resources, reference: Reference) -> PaymentIntentState | None:
    """Make sure that what the reference has here is as it is at Stripe."""
    try:
        return (await converge(resources, reference, Refresh(), ACTOR)).row
    except PaymentIntentNotFound:
        return None


def _is_next(newest: PaymentIntentState | None, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether it follows all that the reference has here."""
    if newest is None:
        return True
    return not newest.is_open and revision_in(snapshot.metadata) >= newest.revision


async def _cancel(resources: Resources, snapshot: PaymentIntentSnapshot) -> PaymentIntentSnapshot:
    key = f"payment_intent:{snapshot.id}:cancel:{uuid4()}"
    try:
        return await resources.stripe.cancel_payment_intent(snapshot.id, reason="duplicate", key=key)
    except UnexpectedState as refusal:
        return refusal.snapshot or await resources.stripe.retrieve_payment_intent(snapshot.id)


async def _restore(
    resources: Resources, reference: Reference, snapshot: PaymentIntentSnapshot, ours: StripeMetadata
) -> PaymentIntentState | None:
    """Make the row, unless its id is here by now; None when that is another's. Raises SyncPending at the deadline."""
    actor = ACTOR.with_request(snapshot.request_id)
    deadline = time.monotonic() + resources.settings.converge_deadline.total_seconds()
    while time.monotonic() < deadline:
        found = await repository.read(resources.database, reference, threshold=1)
        lookup = PaymentIntentLookup("", ours.payment_intent_id)
        known = await repository.read_all(resources.database, [lookup], threshold=1)
        for row in (row for each in known for row in each.state.payment_intents):
            return row if row.stripe_id == snapshot.id else None
        change = Change(found.state, context_at(resources, found), actor)
        restore(change, snapshot, ours)
        async with resources.database.connection() as connection:
            if await repository.write(connection, change):
                return change.state.get(ours.payment_intent_id)
        await asyncio.sleep(random.uniform(0, RACE_PAUSE))  # noqa: S311 - no secret
    raise SyncPending


def restore(change: Change, snapshot: PaymentIntentSnapshot, ours: StripeMetadata) -> None:
    """Make the row again: the reference's newest, or closed and below the newest."""
    newest, is_next = change.state.newest, _is_next(change.state.newest, snapshot)
    generation = change.state.next_generation
    change.state = change.state._replace(next_generation=generation + 1)
    follows = newest is not None and newest.closed_at is None and is_next
    if newest is not None and follows:
        change.close(newest, "followed")
    if newest is not None and not is_next:
        change.put(newest._replace(generation=generation))
        generation = newest.generation
    held, revision = terms_in(snapshot), max(1, revision_in(snapshot.metadata))
    row = PaymentIntentState(
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
        closed_reason=None if is_next else "surplus",
    )
    record_adopted(change, row, snapshot)
