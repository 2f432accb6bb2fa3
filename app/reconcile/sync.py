"""Ask Stripe about one PaymentIntent and all that belongs to it, and mend what differs here."""

import uuid
from dataclasses import dataclass

from app.disputes import recording as disputes
from app.domain_events.repository import Actor
from app.observability.metrics import REPAIRS
from app.payment_intents import attempt_recording, recovery
from app.payment_intents import repository as payment_intents
from app.payment_intents.models import PaymentIntent
from app.reconcile.adoption import find_or_adopt
from app.refunds import finishing as refunds
from app.resources import Resources

ACTOR = Actor("job:sync")


@dataclass(frozen=True, slots=True)
class Repairs:
    """What differed: the PaymentIntent itself, and how many attempts and disputes."""

    is_changed: bool
    attempts: int
    disputes: int


async def sync(resources: Resources, stripe_id: str) -> tuple[PaymentIntent, Repairs] | None:
    """Bring one PaymentIntent to what Stripe holds, or back if it is missing; None when it is not ours.

    Raises StripeRefused when Stripe does not have it, or Unavailable.
    """
    row = await find_or_adopt(resources, stripe_id)
    if row is None:
        return None
    before = row.status
    await recovery.ask(resources, row.id)
    attempts, disputed = await sync_belongings(resources, row.id)
    async with resources.sessions() as session:
        row = await payment_intents.get(session, row.id)
    is_changed = before != row.status
    REPAIRS.labels("payment_intent").inc(is_changed)
    return row, Repairs(is_changed, attempts, disputed)


async def sync_belongings(resources: Resources, payment_intent_id: uuid.UUID) -> tuple[int, int]:
    """Write the attempts, refunds and disputes that nobody told us of; give how many attempts and disputes.

    Raises Unavailable.
    """
    attempts = await attempt_recording.sync(resources, payment_intent_id)
    await refunds.sync(resources, payment_intent_id, ACTOR)
    disputed = await disputes.sync(resources, payment_intent_id)
    REPAIRS.labels("attempt").inc(attempts)
    REPAIRS.labels("dispute").inc(disputed)
    return attempts, disputed
