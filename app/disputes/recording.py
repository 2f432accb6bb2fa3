"""The door's wing for disputes. The reference is locked by whoever opened the door.

A closed dispute is taken at once. Any other status that differs from ours may be old news or an appeal: a job asks
Stripe, and its answer counts if nothing moved here meanwhile.
"""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import queue
from app.disputes.models import CLOSED, Dispute
from app.domain_events.repository import Actor
from app.payment_intents import recording, repository
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.resources import Resources
from app.stripe_gateway import DisputeSnapshot

DISPUTED = "disputed"


async def record_hint(door: Door, row: PaymentIntent, snapshot: DisputeSnapshot) -> None:
    """Take what a webhook tells of a dispute."""
    dispute = await _find(door.session, snapshot.id)
    if dispute is None or (snapshot.status in CLOSED and dispute.status not in CLOSED):
        _take(door, row, dispute, snapshot)
    elif dispute.status != snapshot.status:
        await queue.enqueue(door.session, "sync_disputes", payment_intent_id=row.id)


async def sync(resources: Resources, payment_intent_id: uuid.UUID) -> int:
    """Ask Stripe for all disputes of a PaymentIntent; give how many were news. Raises Unavailable."""
    async with resources.sessions() as session:
        row = await repository.get(session, payment_intent_id)
        before = {dispute.stripe_id: dispute.status for dispute in await _of(session, payment_intent_id)}
    if row.stripe_id is None:
        return 0
    snapshots = await resources.stripe.list_disputes(row.stripe_id)
    async with resources.sessions.begin() as session:
        actor = Actor("job:sync")
        door, row = await recording.open_door_of(session, payment_intent_id, actor, resources.settings.instance)
        known = {dispute.stripe_id: dispute for dispute in await _of(session, payment_intent_id)}
        if {name: dispute.status for name, dispute in known.items()} != before:
            await queue.enqueue(session, "sync_disputes", payment_intent_id=payment_intent_id)
            return 0
        news = [each for each in snapshots if before.get(each.id) != each.status]
        for snapshot in news:
            _take(door, row, known.get(snapshot.id), snapshot)
    return len(news)


async def _of(session: AsyncSession, payment_intent_id: uuid.UUID) -> list[Dispute]:
    return list(await session.scalars(select(Dispute).where(Dispute.payment_intent_id == payment_intent_id)))


async def _find(session: AsyncSession, stripe_id: str) -> Dispute | None:
    found: Dispute | None = await session.scalar(select(Dispute).where(Dispute.stripe_id == stripe_id))
    return found


def _take(door: Door, row: PaymentIntent, dispute: Dispute | None, snapshot: DisputeSnapshot) -> None:
    """Write the dispute as it is now, and tell of it."""
    if dispute is None:
        dispute = Dispute(payment_intent_id=row.id, stripe_id=snapshot.id, opened_at=snapshot.created)
        door.session.add(dispute)
    dispute.charge_id, dispute.reason = snapshot.charge_id, snapshot.reason
    dispute.status, dispute.amount, dispute.currency = snapshot.status, snapshot.amount, snapshot.currency
    recording.flag(door, row, DISPUTED)
    door.append(
        row,
        f"dispute.{snapshot.status}",
        stripe_id=snapshot.id,
        amount=snapshot.amount,
        currency=snapshot.currency,
        reason=snapshot.reason,
    )
