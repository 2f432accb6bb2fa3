"""What is done without being asked: finish what a crash left behind, and cancel what was abandoned.

The sweep only finds; each PaymentIntent is a job of its own, done by one worker under the row's lock and lease,
where everything is looked at again.
"""

import uuid
from datetime import UTC, datetime
from functools import partial

import structlog

from app.db import queue
from app.domain_events.repository import Actor
from app.observability.metrics import REPAIRS
from app.payment_intents import attempt_recording, recording, repository, service
from app.payment_intents.convergence import converge
from app.payment_intents.errors import PaymentIntentNotFound
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Run
from app.payment_intents.recording import Door
from app.resources import Resources
from app.settings import Settings

log = structlog.get_logger()

# As many PaymentIntents a minute, so that a long outage of Stripe is not followed by a storm of ours.
BATCH = 500


async def sweep(resources: Resources) -> None:
    """Put every PaymentIntent that needs work into the queue, once."""
    settings = resources.settings
    async with resources.sessions.begin() as session:
        unsettled = await repository.find_unsettled(session, silent_after=settings.silent_after, limit=BATCH)
        for payment_intent_id in unsettled:
            await queue.enqueue(session, "converge", is_repeat=True, payment_intent_id=payment_intent_id)
        abandoned = [row.id for row in await list_abandoned(resources)] if settings.is_expiry_enabled else []
        for payment_intent_id in set(abandoned) - set(unsettled):  # who is asked about first is looked at next time
            await queue.enqueue(session, "expire", is_repeat=True, payment_intent_id=payment_intent_id)
    log.info("sweep.finished", unsettled=len(unsettled), abandoned=len(abandoned))


async def list_abandoned(resources: Resources) -> list[PaymentIntent]:
    """List what the sweep would cancel now."""
    async with resources.sessions() as session:
        return await repository.find_abandoned(session, idle_for=resources.settings.abandoned_after, limit=BATCH)


async def settle(resources: Resources, payment_intent_id: uuid.UUID) -> None:
    """Bring a PaymentIntent to agreement with Stripe, with no request of its own.

    Raises what the outcome was if not agreement; the next sweep finds it again.
    """
    row = await _get(resources, payment_intent_id)
    if row.closed_at is not None:
        await _take_late_success(resources, row)
        return
    declare = partial(_settle, meant=payment_intent_id, settings=resources.settings)
    settled = await converge(resources, row.reference, Run(Actor("job:converge")), declare)
    if row.updated_at < datetime.now(UTC) - resources.settings.silent_after:
        await _repair(resources, row, settled)


async def ask(resources: Resources, payment_intent_id: uuid.UUID) -> None:
    """Bring a PaymentIntent to what Stripe holds now, a closed one too. Raises Unavailable or StripeRefused."""
    row = await _get(resources, payment_intent_id)
    if row.closed_at is None:
        await converge(resources, row.reference, Run(Actor("job:sync")), service.ask)
    else:
        await _take_late_success(resources, row)


async def _repair(resources: Resources, before: PaymentIntent, after: PaymentIntent) -> None:
    """Look for what webhooks should have told of a PaymentIntent that was silent for long, and say what it was."""
    attempts = await attempt_recording.sync(resources, before.id)
    is_changed = after.status != before.status
    REPAIRS.labels("payment_intent").inc(is_changed)
    REPAIRS.labels("attempt").inc(attempts)
    if attempts or is_changed:
        log.warning("payment_intent.repaired", stripe_id=before.stripe_id, status=after.status, attempts=attempts)


async def _settle(
    door: Door, row: PaymentIntent | None, *, meant: uuid.UUID, settings: Settings
) -> tuple[PaymentIntent, bool]:
    if row is None:
        raise PaymentIntentNotFound
    if row.id != meant or not row.is_open:
        return row, False
    if row.updated_at < door.now - settings.silent_after:
        row.needs_sync = True
    return row, True


async def _take_late_success(resources: Resources, row: PaymentIntent) -> None:
    """Ask Stripe about a row that we hold as closed and that was said to have succeeded."""
    if row.stripe_id is None or row.status == "succeeded":
        return
    snapshot = await resources.stripe.retrieve_payment_intent(row.stripe_id)
    actor = Actor("job:converge", snapshot.request_id)
    async with resources.sessions.begin() as session:
        door, _ = await recording.open_door(session, row.reference, actor, resources.settings.instance)
        await recording.record_late_success(door, await repository.get(session, row.id), snapshot)


async def expire(resources: Resources, payment_intent_id: uuid.UUID) -> None:
    """Cancel a PaymentIntent that is still abandoned when it is looked at under the lock.

    A payment that succeeds at that moment wins: Stripe refuses the cancel and shows it.
    """
    row = await _get(resources, payment_intent_id)
    declare = partial(_expire, meant=payment_intent_id, settings=resources.settings)
    await converge(resources, row.reference, Run(Actor("job:expire")), declare)


async def _expire(
    door: Door, row: PaymentIntent | None, *, meant: uuid.UUID, settings: Settings
) -> tuple[PaymentIntent, bool]:
    if row is None:
        raise PaymentIntentNotFound
    if row.id != meant or not row.is_payable or row.lease_token is not None or row.needs_sync:
        return row, False  # in doubt it is asked about first: money may be held by now
    if row.touched_at >= door.now - settings.abandoned_after:
        return row, False
    row.is_closing, row.closing_reason = True, "abandoned"
    door.append(row, "payment_intent.abandoned", idle_since=row.touched_at.isoformat())
    return row, True


async def _get(resources: Resources, payment_intent_id: uuid.UUID) -> PaymentIntent:
    async with resources.sessions() as session:
        return await repository.get(session, payment_intent_id)
