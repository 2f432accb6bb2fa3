"""Bring back a PaymentIntent that we made and that is missing here: an old backup was restored.

Its row is made again from what Stripe holds, under the id and the reference in its metadata. What the reference
has here is asked for at Stripe first.
"""

import asyncio
import random
import time
from typing import TypeAlias

import structlog

from app.payment_intents import recovery, repository
from app.payment_intents.convergence import RACE_PAUSE, context_at, converge
from app.payment_intents.errors import PaymentIntentNotFound, SyncPending
from app.payment_intents.protocol.adopt import adopt as decide
from app.payment_intents.protocol.commands import Refresh
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.payment_intents.protocol.terms import Reference, StripeMetadata, metadata_in
from app.payment_intents.repository import PaymentIntentLookup
from app.resources import Resources
from app.stripe_gateway import CheckoutSessionSnapshot, PaymentIntentSnapshot

log = structlog.get_logger()

ACTOR = Actor("job:adopt")


Snapshot: TypeAlias = PaymentIntentSnapshot | CheckoutSessionSnapshot


async def retrieve(resources: Resources, stripe_id: str) -> Snapshot:
    """Retrieve a Checkout Session, or a PaymentIntent; one that a session made is shown as that session.

    Raises UnknownObject, StripeRefused or Unavailable.
    """
    sessions = resources.stripe.checkout
    if stripe_id.startswith("cs_"):
        return await sessions.retrieve(stripe_id)
    snapshot = await resources.stripe.retrieve_payment_intent(stripe_id)
    is_ours = metadata_in(snapshot.metadata, resources.settings.instance) is not None
    return (await sessions.find_of(stripe_id) if is_ours else None) or snapshot


async def adopt(resources: Resources, snapshot: Snapshot) -> PaymentIntentState | None:
    """Bring back what was retrieved, and cancel it at Stripe if another one is live.

    None when it is not ours, or its id is another's. Raises StripeRefused or Unavailable.
    """
    ours = metadata_in(snapshot.metadata, resources.settings.instance)
    if ours is None:
        return None
    reference = await _follow(resources, ours.reference)
    await _refresh(resources, reference)
    row = await _write(resources, reference, snapshot, ours)
    if row is None:
        return None
    log.warning("payment_intent.adopted", stripe_id=snapshot.id, status=row.status, generation=row.generation)
    await recovery.recover(resources, row.id)
    return await repository.get(resources.database, row.id)


async def find_or_adopt(resources: Resources, stripe_id: str) -> PaymentIntentState | None:
    """Return the row of a PaymentIntent at Stripe; None when it is not ours.

    Raises UnknownObject when Stripe does not have it, or what `adopt` does.
    """
    lookup = PaymentIntentLookup(stripe_id, is_checkout=stripe_id.startswith("cs_"))
    row = await repository.find(resources.database, lookup)
    return row or await adopt(resources, await retrieve(resources, stripe_id))


async def _follow(resources: Resources, reference: Reference) -> Reference:
    """Return the cart that a session's PaymentIntent was attached to."""
    found = await repository.read(resources.database, reference, threshold=1)
    return Reference("cart", found.state.moved_to) if found.state.moved_to else reference


async def _refresh(resources: Resources, reference: Reference) -> None:
    """Make sure that what the reference has here is as it is at Stripe."""
    try:
        await converge(resources, reference, Refresh(), ACTOR)
    except PaymentIntentNotFound:
        return


async def _write(
    resources: Resources, reference: Reference, snapshot: Snapshot, ours: StripeMetadata
) -> PaymentIntentState | None:
    """Make the row, unless its id is here by now; None when that is another's. Raises SyncPending at the deadline."""
    actor = ACTOR.with_request(snapshot.request_id)
    deadline = time.monotonic() + resources.settings.converge_deadline.total_seconds()
    while time.monotonic() < deadline:
        found = await repository.read(resources.database, reference, threshold=1)
        lookup = PaymentIntentLookup("", ours.payment_intent_id)
        known = await repository.read_all(resources.database, [lookup], threshold=1)
        for row in (row for each in known for row in each.state.payment_intents):
            return row if row.object_id == snapshot.id else None
        change = Change(found.state, context_at(resources, found), actor)
        row = decide(change, snapshot, ours)
        async with resources.database.connection() as connection:
            if await repository.write(connection, change):
                return row
        await asyncio.sleep(random.uniform(0, RACE_PAUSE))  # noqa: S311 - no secret
    raise SyncPending
