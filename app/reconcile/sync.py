"""Ask Stripe about one PaymentIntent and all that belongs to it, and repair what differs here."""

from dataclasses import dataclass
from uuid import UUID

from app.disputes import recording as disputes
from app.observability.metrics import REPAIRS
from app.payment_intents import attempt_recording, recovery
from app.payment_intents import repository as payment_intents
from app.payment_intents.protocol.state import GONE, Actor, PaymentIntentState
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


async def sync(resources: Resources, stripe_id: str) -> tuple[PaymentIntentState, Repairs] | None:
    """Bring one PaymentIntent to what Stripe holds, or back if it is missing; None when it is not ours.

    Raises StripeRefused when Stripe does not have it, or Unavailable.
    """
    row = await find_or_adopt(resources, stripe_id)
    if row is None:
        return None
    before = row.status
    await recovery.refresh(resources, row.id)
    row = await payment_intents.get(resources.database, row.id)
    attempts, disputed = (0, 0) if row.closed_reason == GONE else await sync_related(resources, row.id)
    is_changed = before != row.status
    REPAIRS.labels("payment_intent").inc(is_changed)
    return row, Repairs(is_changed, attempts, disputed)


async def sync_related(resources: Resources, payment_intent_id: UUID) -> tuple[int, int]:
    """Record the attempts, refunds and disputes that nobody told us of; return how many attempts and disputes.

    Raises Unavailable.
    """
    attempts = await attempt_recording.sync(resources, payment_intent_id)
    await refunds.sync(resources, payment_intent_id, ACTOR)
    disputed = await disputes.sync(resources, payment_intent_id)
    REPAIRS.labels("attempt").inc(attempts)
    REPAIRS.labels("dispute").inc(disputed)
    return attempts, disputed
