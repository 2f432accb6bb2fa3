"""Send a reserved refund to Stripe, under a key made from its own id, and record what Stripe says."""

import json

import structlog

from app.payment_intents.changes import change_one
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.refunds import recording, repository
from app.refunds.refund import Refund
from app.resources import Resources
from app.stripe_gateway import RefundSnapshot
from app.stripe_gateway.errors import StripeRefused

log = structlog.get_logger()


async def send(resources: Resources, refund: Refund, actor: Actor) -> Refund:
    """Call Stripe once and return the refund as it is then; a refused one has its amount free again.

    Raises Unavailable when the outcome is not known: the reservation stays.
    """
    assert refund.create_params is not None, "only our own are sent"  # noqa: S101 - the database guards it
    try:
        params = json.loads(refund.create_params)
        snapshot = await resources.stripe.create_refund(params, key=f"refund:{refund.id}:create")
    except StripeRefused as refusal:
        return await _record_refusal(resources, refund, refusal, actor)
    return await _record_answer(resources, refund, snapshot, actor.with_request(snapshot.request_id))


async def _record_answer(resources: Resources, refund: Refund, snapshot: RefundSnapshot, actor: Actor) -> Refund:
    async def record(change: Change, row: PaymentIntentState) -> Refund:
        known = await repository.read_of(resources.database, [row.id])
        recorded = recording.record(change, row, snapshot, known)
        if snapshot.is_replay:  # it shows the past
            change.enqueue("sync_refunds", row)
        return recorded

    recorded = await change_one(resources, refund.payment_intent_id, actor, record)
    log.info("refund.recorded", refund_id=str(recorded.id), stripe_id=snapshot.id, status=snapshot.status)
    return recorded


async def _record_refusal(resources: Resources, refund: Refund, refusal: StripeRefused, actor: Actor) -> Refund:
    async def record(change: Change, row: PaymentIntentState) -> Refund:
        known = await repository.read_of(resources.database, [row.id])
        latest = known[str(refund.id)]
        if latest.status is not None:
            return latest
        # We held it possible and Stripe did not: it knows something of this payment that we do not.
        change.enqueue("sync_refunds", row)
        return recording.refuse(change, row, latest, refusal, known)

    latest = await change_one(resources, refund.payment_intent_id, actor, record)
    log.info("refund.refused", refund_id=str(refund.id), stripe_code=refusal.extensions["stripe_code"])
    return latest
