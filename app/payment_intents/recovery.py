"""What is done without being asked: finish what a crash left behind, and cancel what was abandoned.

The sweep only finds what is due; each PaymentIntent is a job of its own, done by one worker under the row's lease,
where everything is looked at again.
"""

from uuid import UUID

import structlog

from app.db import queue
from app.observability.metrics import REPAIRS
from app.payment_intents import attempt_recording, closing, repository
from app.payment_intents.convergence import context_at, converge
from app.payment_intents.protocol.commands import Expire, Recover, Refresh, is_abandoned
from app.payment_intents.protocol.state import Actor, PaymentIntentState
from app.payment_intents.repository import Read
from app.resources import Resources

log = structlog.get_logger()

# As many PaymentIntents a minute, so that a long outage of Stripe is not followed by a storm of ours.
BATCH = 500

# What a crash or an unknown outcome left behind comes first; what was only quiet for long can wait. Each half has its
# index and ends at its limit, so that the search takes no longer when very much is due.
_LEFT_BEHIND = "(lease_token IS NOT NULL OR recheck_after IS NOT NULL OR needs_refresh OR is_cancel_requested)"
FIND_DUE = f"""
(
    SELECT id FROM payment_intents
    WHERE due_at IS NOT NULL AND due_at <= now() AND {_LEFT_BEHIND} ORDER BY due_at LIMIT $1
)
UNION ALL
(
    SELECT id FROM payment_intents
    WHERE due_at IS NOT NULL AND due_at <= now() AND NOT {_LEFT_BEHIND} ORDER BY due_at LIMIT $1
)
LIMIT $1
"""  # noqa: S608 - our own words


async def sweep(resources: Resources) -> None:
    """Put every PaymentIntent that is due into the queue, once."""
    due = await find_due(resources)
    async with resources.database.transaction() as connection:
        jobs = [queue.job("recover_due", is_repeat=True, payment_intent_id=each) for each in due]
        await queue.enqueue(connection, jobs)
    log.info("sweep.finished", due=len(due))


async def list_abandoned(resources: Resources) -> list[PaymentIntentState]:
    """Return what the sweep would cancel now."""
    found = [await repository.read_one(resources.database, each) for each in await find_due(resources)]
    return [
        row for each in found for row in each.state.payment_intents if is_abandoned(row, context_at(resources, each))
    ]


async def recover(resources: Resources, payment_intent_id: UUID) -> None:
    """Bring a PaymentIntent to agreement with Stripe, with no request of its own, or cancel it as abandoned.

    A payment that succeeds at that moment wins: Stripe refuses the cancel and shows it. Raises what the outcome was if
    not agreement; the next sweep finds it again.
    """
    found = await repository.read_one(resources.database, payment_intent_id)
    [row] = found.state.payment_intents
    if row.closed_at is not None:
        await closing.finish(resources, row.id, Actor("job:recover"))
    elif _is_to_expire(resources, found, row):
        await converge(resources, row.reference, Expire(row.id), Actor("job:expire"))
    else:
        after, _ = await converge(resources, row.reference, Recover(row.id), Actor("job:recover"))
        if row.updated_at < found.now - resources.settings.silent_after:
            await _repair(resources, row, after)


async def refresh(resources: Resources, payment_intent_id: UUID) -> None:
    """Bring a PaymentIntent to what Stripe holds now, a closed one too. Raises Unavailable or StripeRefused."""
    row = await repository.get(resources.database, payment_intent_id)
    if row.closed_at is None:
        await converge(resources, row.reference, Refresh(), Actor("job:sync"))
    elif row.stripe_id is not None and row.status != "succeeded":
        await closing.ask_again(resources, row.id, Actor("job:sync"))


async def find_due(resources: Resources) -> list[UUID]:
    """Return the ids of what is to be looked at now, what comes first in front."""
    return [record["id"] for record in await resources.database.fetch(FIND_DUE, BATCH)]


def _is_to_expire(resources: Resources, found: Read, row: PaymentIntentState) -> bool:
    """Whether it is abandoned; who was silent for long is asked about first, and looked at again next time."""
    settings = resources.settings
    is_silent = row.updated_at < found.now - settings.silent_after
    is_to_recheck = row.recheck_after is not None and row.recheck_after < found.now
    is_sure = row.is_synced and not is_silent and not is_to_recheck
    return settings.is_expiry_enabled and is_sure and is_abandoned(row, context_at(resources, found))


async def _repair(resources: Resources, before: PaymentIntentState, after: PaymentIntentState) -> None:
    """Look for the attempts behind a change that no webhook told of, and say what was missing."""
    if after.status == before.status:
        return
    attempts = await attempt_recording.sync(resources, before.id)
    REPAIRS.labels("payment_intent").inc()
    REPAIRS.labels("attempt").inc(attempts)
    log.warning("payment_intent.repaired", stripe_id=before.stripe_id, status=after.status, attempts=attempts)
