"""Send a reserved refund to Stripe, under a key made from its own id, and record what Stripe says."""

import structlog

from app.db import queue
from app.domain_events.repository import Actor
from app.refunds import recording, repository
from app.refunds.models import Refund
from app.resources import Resources
from app.stripe_gateway import RefundSnapshot
from app.stripe_gateway.errors import StripeRefused

log = structlog.get_logger()


async def send(resources: Resources, row: Refund, actor: Actor) -> Refund:
    """Call Stripe once and give the refund as it is then; a refused one has its amount free again.

    Raises Unavailable when the outcome is not known: the reservation stays.
    """
    assert row.opening is not None, "only our own are sent"  # noqa: S101 - the database guards it
    try:
        snapshot = await resources.stripe.create_refund(row.opening, key=f"refund:{row.id}:create")
    except StripeRefused as refusal:
        return await _refused(resources, row, refusal, actor)
    return await _answered(resources, row, snapshot, actor.because_of(snapshot.request_id))


async def _answered(resources: Resources, row: Refund, snapshot: RefundSnapshot, actor: Actor) -> Refund:
    instance = resources.settings.instance
    async with resources.sessions.begin() as session:
        door, payment_intent = await recording.open_door_of(session, row.payment_intent_id, actor, instance)
        recorded = await recording.record(door, payment_intent, snapshot)
        if snapshot.is_replay:  # it shows the past
            await queue.enqueue(session, "sync_refunds", payment_intent_id=payment_intent.id)
    log.info("refund.recorded", refund_id=str(recorded.id), stripe_id=snapshot.id, status=snapshot.status)
    return recorded


async def _refused(resources: Resources, row: Refund, refusal: StripeRefused, actor: Actor) -> Refund:
    instance = resources.settings.instance
    async with resources.sessions.begin() as session:
        door, payment_intent = await recording.open_door_of(session, row.payment_intent_id, actor, instance)
        latest = await repository.get(session, row.id)
        if latest.status is None:
            await recording.refuse(door, payment_intent, latest, refusal)
            # We held it possible and Stripe did not: it knows something of this payment that we do not.
            await queue.enqueue(session, "sync_refunds", payment_intent_id=payment_intent.id)
    log.info("refund.refused", refund_id=str(row.id), stripe_code=refusal.extensions["stripe_code"])
    return latest
