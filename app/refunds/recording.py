"""The door's wing for refunds: all that we learn of one from Stripe is written here.

The reference is locked by whoever opened the door, so that the PaymentIntent's sums are right in the same
transaction. State moves forward only; a refund that came to nothing stays so, whatever arrives late.
"""

import uuid
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.domain_events.repository import Actor
from app.payment_intents import recording
from app.payment_intents import repository as payment_intents
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.refunds import content, repository
from app.refunds.models import REFUSED, Refund
from app.stripe_gateway import RefundSnapshot
from app.stripe_gateway.errors import StripeRefused

# A status may be followed by one of the same step or of a later one. Words that Stripe adds count as under way.
STEPS = {None: 0, REFUSED: 1, "requires_action": 2, "pending": 2, "succeeded": 3, "failed": 4, "canceled": 4}
UNDER_WAY, NOTHING_CAME_OF_IT = 2, 4

# Bank transfers take days: one under way is asked about now and then, in case its webhook was lost.
FIRST_LOOK = timedelta(minutes=10)

NOT_REPAID = "The customer was not repaid after all: the money is back at Stripe. Repay them another way."


async def open_door_of(
    session: AsyncSession, payment_intent_id: uuid.UUID, actor: Actor, instance: str
) -> tuple[Door, PaymentIntent]:
    """Lock the reference that the PaymentIntent belongs to now; give the way in and the PaymentIntent."""
    reference = await repository.reference_of(session, payment_intent_id)
    door, _ = await recording.open_door(session, reference, actor, instance)
    payment_intent = await payment_intents.get(session, payment_intent_id)
    if payment_intent.reference != reference:  # moved to a cart just before we had the lock
        door, _ = await recording.open_door(session, payment_intent.reference, actor, instance)
    return door, payment_intent


async def record(door: Door, payment_intent: PaymentIntent, snapshot: RefundSnapshot) -> Refund:
    """Take in what Stripe says of a refund: match it by Stripe's id, else by ours, else adopt it."""
    row = await _match(door, payment_intent, snapshot) or _adopt(door, payment_intent, snapshot)
    if _is_news(row, snapshot):
        _take(door, payment_intent, row, snapshot)
        await recount(door, payment_intent)
    return row


async def refuse(door: Door, payment_intent: PaymentIntent, row: Refund, refusal: StripeRefused) -> None:
    """Take Stripe's definite "no" to a refund that nothing else is known of: its amount is free again."""
    row.status, row.check_at = REFUSED, None
    row.refusal = {"detail": refusal.detail, **refusal.extensions}
    tell(door, payment_intent, row, stripe_code=refusal.extensions["stripe_code"])
    await recount(door, payment_intent)


async def recount(door: Door, payment_intent: PaymentIntent) -> None:
    """Bring the PaymentIntent's sums to what its refunds say."""
    await door.session.flush()
    totals = await repository.totals(door.session, payment_intent.id)
    payment_intent.amount_refunded, payment_intent.amount_reserved = totals.refunded, totals.reserved


def tell(door: Door, payment_intent: PaymentIntent, row: Refund, **more: object) -> None:
    """Append the domain event of a refund's present state."""
    facts = {
        "refund_id": str(row.id),
        "stripe_id": row.stripe_id,
        "amount": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        "origin": row.origin,
    }
    door.append(payment_intent, f"refund.{row.status or 'requested'}", **facts, **more)


async def _match(door: Door, payment_intent: PaymentIntent, snapshot: RefundSnapshot) -> Refund | None:
    if known := await repository.find_by_stripe_id(door.session, snapshot.id):
        return known
    marked = content.marked_by(snapshot.metadata, door.instance)
    ours = await door.session.get(Refund, marked) if marked else None
    is_it = ours is not None and ours.stripe_id is None and ours.payment_intent_id == payment_intent.id
    return ours if is_it else None


def _adopt(door: Door, payment_intent: PaymentIntent, snapshot: RefundSnapshot) -> Refund:
    """Take a refund as our own that was made in Stripe's dashboard: it counts against what is left."""
    row = Refund(
        id=uuid7(),
        payment_intent_id=payment_intent.id,
        origin="stripe",
        amount=snapshot.amount,
        currency=snapshot.currency,
        reason=snapshot.reason,
        created_at=snapshot.created,
    )
    door.session.add(row)
    return row


def _is_news(row: Refund, snapshot: RefundSnapshot) -> bool:
    now, then = STEPS.get(snapshot.status, UNDER_WAY), STEPS.get(row.status, UNDER_WAY)
    return row.status != snapshot.status and now >= then != NOTHING_CAME_OF_IT


def _take(door: Door, payment_intent: PaymentIntent, row: Refund, snapshot: RefundSnapshot) -> None:
    previous = row.status
    row.stripe_id, row.status, row.refusal = snapshot.id, snapshot.status, None
    row.amount, row.currency = snapshot.amount, snapshot.currency
    row.failure_reason = snapshot.failure_reason
    row.check_at = None if row.is_settled else door.now + FIRST_LOOK
    more: dict[str, object] = {"previous_status": previous}
    if STEPS.get(row.status) == NOTHING_CAME_OF_IT:
        more |= {"failure_reason": row.failure_reason, "is_customer_repaid": False}
        more |= {"notice": NOT_REPAID} if previous == "succeeded" else {}
    tell(door, payment_intent, row, **more)
