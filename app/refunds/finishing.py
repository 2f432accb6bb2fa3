"""What jobs do for refunds: ask Stripe about those that it did not tell of, and finish what was cut off."""

from uuid import UUID

import structlog

from app.db import queue
from app.errors import Unavailable
from app.payment_intents import recovery
from app.payment_intents import repository as payment_intents
from app.payment_intents.changes import change_one
from app.payment_intents.protocol.state import TERMINAL, Actor, Change, PaymentIntentState
from app.refunds import recording, repository
from app.refunds.sending import send
from app.resources import Resources

log = structlog.get_logger()

# One sweep takes so many; the next one, a minute later, the others.
SWEPT_AT_ONCE = 200


async def sync(resources: Resources, payment_intent_id: UUID, actor: Actor) -> None:
    """List a PaymentIntent's refunds at Stripe and record each, our lost ones and the dashboard's among them.

    Raises Unavailable.
    """
    row = await payment_intents.get(resources.database, payment_intent_id)
    if row.stripe_id is None:
        return
    snapshots = await resources.stripe.list_refunds(row.stripe_id)
    if snapshots and row.status not in TERMINAL:
        await recovery.refresh(resources, row.id)

    async def record(change: Change, row: PaymentIntentState) -> None:
        known = await repository.read_of(resources.database, [row.id])
        for snapshot in reversed(snapshots):
            if row.status in TERMINAL and not recording.is_release(change, row, snapshot, known):
                recording.record(change, row, snapshot, known)

    await change_one(resources, payment_intent_id, actor, record)


async def finish(resources: Resources, refund_id: UUID) -> None:
    """Bring an open refund to its end: look for it at Stripe, and send it again if it is not there.

    Looking first keeps money from leaving twice: Stripe forgets a key after a day, and would then refund
    again under it; and a server error of Stripe's is repeated under its key even if the work was done.
    While the outcome stays unknown, so does the reservation, and the sweep comes back to it.
    """
    actor = Actor("job:finish_refund")
    refund = await repository.get(resources.database, refund_id)
    if refund.is_final:
        return
    try:
        await sync(resources, refund.payment_intent_id, actor)
        refund = await repository.get(resources.database, refund_id)
        if refund.status is None:
            await send(resources, refund, actor)
    except Unavailable as error:
        log.warning("refund.not_finished", refund_id=str(refund_id), code=error.code)


async def sweep(resources: Resources) -> int:
    """Have a job look at every refund that stayed open too long, those of a crashed process too; return how many."""
    async with resources.database.transaction() as connection:
        due = await repository.claim_due(connection, limit=SWEPT_AT_ONCE)
        jobs = [queue.job("finish_refund", is_repeat=True, refund_id=refund_id) for refund_id in due]
        await queue.enqueue(connection, jobs)
    return len(due)
