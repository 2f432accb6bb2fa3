"""What jobs do for refunds: ask Stripe about those that it did not tell of, and finish what was cut off."""

import uuid

import structlog

from app.db import queue
from app.domain_events.repository import Actor
from app.errors import Unavailable
from app.payment_intents import repository as payment_intents
from app.refunds import recording, repository
from app.refunds.sending import send
from app.resources import Resources

log = structlog.get_logger()

# One sweep takes so many; the next one, a minute later, the others.
SWEPT_AT_ONCE = 200


async def sync(resources: Resources, payment_intent_id: uuid.UUID, actor: Actor) -> None:
    """List a PaymentIntent's refunds at Stripe and record each, our lost ones and the dashboard's among them.

    Raises Unavailable.
    """
    async with resources.sessions() as session:
        stripe_id = (await payment_intents.get(session, payment_intent_id)).stripe_id
    if stripe_id is None:
        return
    snapshots = await resources.stripe.list_refunds(stripe_id)
    async with resources.sessions.begin() as session:
        door, payment_intent = await recording.open_door_of(
            session, payment_intent_id, actor, resources.settings.instance
        )
        for snapshot in reversed(snapshots):
            await recording.record(door, payment_intent, snapshot)


async def finish(resources: Resources, refund_id: uuid.UUID) -> None:
    """Bring an open refund to its end: look for it at Stripe, and send it again if it is not there.

    Looking first keeps money from leaving twice: Stripe forgets a key after a day, and would then refund
    again under it; and a server error of Stripe's is repeated under its key even if the work was done.
    While the outcome stays unknown, so does the reservation, and the sweep comes back to it.
    """
    actor = Actor("job:finish_refund")
    async with resources.sessions() as session:
        row = await repository.get(session, refund_id)
    if row.is_settled:
        return
    try:
        await sync(resources, row.payment_intent_id, actor)
        async with resources.sessions() as session:
            row = await repository.get(session, refund_id)
        if row.status is None:
            await send(resources, row, actor)
    except Unavailable as error:
        log.warning("refund.not_finished", refund_id=str(refund_id), code=error.code)


async def sweep(resources: Resources) -> int:
    """Have a job look at every refund that stayed open too long, those of a crashed process too; give how many."""
    async with resources.sessions.begin() as session:
        due = await repository.claim_due(session, limit=SWEPT_AT_ONCE)
        for refund_id in due:
            await queue.enqueue(session, "finish_refund", is_repeat=True, refund_id=refund_id)
    return len(due)
