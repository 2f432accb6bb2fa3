"""Bring back a PaymentIntent that we made and that is missing here: an old backup was restored.

Its row is made again from what Stripe holds, under the id and the reference in its metadata. What the reference
has here is asked for at Stripe first. One that is still open wins, since callers saw it last; the one brought back is
then cancelled, if it could be paid: never two that a shopper can pay.
"""

import uuid

import structlog

from app.domain_events.repository import Actor
from app.payment_intents import content, recording, repository, service
from app.payment_intents.content import Marks
from app.payment_intents.convergence import converge
from app.payment_intents.errors import PaymentIntentNotFound
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Run
from app.payment_intents.recording import Door
from app.references.models import PaymentReference, Reference
from app.resources import Resources
from app.stripe_gateway import PAYABLE, PaymentIntentSnapshot, UnexpectedState

log = structlog.get_logger()

ACTOR = Actor("job:adopt")


async def adopt(resources: Resources, stripe_id: str) -> PaymentIntent | None:
    """Bring it back; None when it is not ours, or its id is another's here.

    Raises StripeRefused when Stripe does not have it, or Unavailable.
    """
    snapshot = await resources.stripe.retrieve_payment_intent(stripe_id)
    marks = content.marks_in(snapshot.metadata, resources.settings.instance)
    if marks is None:
        return None
    reference = await _follow(resources, marks.reference)
    newest = await _ask(resources, reference)
    if snapshot.status in PAYABLE and not _is_next(newest, snapshot):
        snapshot = await _cancel(resources, snapshot)
    async with resources.sessions.begin() as session:
        actor = ACTOR.because_of(snapshot.request_id)
        door, newest = await recording.open_door(session, reference, actor, resources.settings.instance)
        known = await session.get(PaymentIntent, marks.payment_intent_id)
        if known is not None:
            return known if known.stripe_id == stripe_id else None
        row = await _restore(door, newest, snapshot, marks)
    log.warning("payment_intent.adopted", stripe_id=stripe_id, status=row.status, generation=row.generation)
    return row


async def _follow(resources: Resources, reference: Reference) -> Reference:
    """Give the cart that a session was moved to."""
    async with resources.sessions() as session:
        found = await session.get(PaymentReference, (reference.kind, reference.id))
    return Reference("cart", found.moved_to) if found is not None and found.moved_to else reference


async def _ask(resources: Resources, reference: Reference) -> PaymentIntent | None:
    """Make sure that what the reference has here is as it is at Stripe."""
    try:
        return await converge(resources, reference, Run(ACTOR), service.ask)
    except PaymentIntentNotFound:
        return None


def _is_next(newest: PaymentIntent | None, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether it follows all that the reference has here."""
    if newest is None:
        return True
    return not newest.is_open and content.revision_in(snapshot.metadata) >= newest.revision


async def _cancel(resources: Resources, snapshot: PaymentIntentSnapshot) -> PaymentIntentSnapshot:
    key = f"payment_intent:{snapshot.id}:cancel:{uuid.uuid4()}"
    try:
        return await resources.stripe.cancel_payment_intent(snapshot.id, reason="duplicate", key=key)
    except UnexpectedState as refusal:
        return refusal.snapshot or await resources.stripe.retrieve_payment_intent(snapshot.id)


async def _restore(
    door: Door, newest: PaymentIntent | None, snapshot: PaymentIntentSnapshot, marks: Marks
) -> PaymentIntent:
    """Make the row: the reference's newest, or closed and below the newest."""
    held, revision = content.held_by(snapshot), max(1, content.revision_in(snapshot.metadata))
    is_next = _is_next(newest, snapshot)
    follows = newest is not None and newest.closed_at is None and is_next
    generation = door.reference.take_generation()
    if newest is not None and follows:
        recording.close(door, newest, "followed")
    if newest is not None and not is_next:
        newest.generation, generation = generation, newest.generation
    await door.session.flush()
    row = PaymentIntent(
        id=marks.payment_intent_id,
        reference_kind=door.reference.kind,
        reference_id=door.reference.id,
        generation=generation,
        stripe_id=snapshot.id,
        previous_id=newest.id if newest is not None and follows else None,
        opening=content.opening_parameters(held, revision, marks),
        requested=held,
        revision=revision,
        touched_at=door.now,
        created_at=snapshot.created,
        closed_at=None if is_next else door.now,
        closed_reason=None if is_next else "surplus",
    )
    await recording.record_adopted(door, row, snapshot)
    return row


async def find_or_adopt(resources: Resources, stripe_id: str) -> PaymentIntent | None:
    """Give the row of a PaymentIntent at Stripe; None when it is not ours. Raises what `adopt` does."""
    async with resources.sessions() as session:
        row = await repository.find(session, repository.Name(stripe_id, None))
    return row or await adopt(resources, stripe_id)
