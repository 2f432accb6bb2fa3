"""Card testing: who tries out stolen cards on one reference is stopped, at Stripe too.

The shopper holds the client secret already and can confirm at Stripe without us; only cancelling there ends it.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.access_errors import TooManyFailedAttempts
from app.payment_intents import repository
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.references.models import Reference

WINDOW = timedelta(hours=1)

# Stripe's word for the reason.
REASON = "fraudulent"


async def close_if_tested(failed: Sequence[tuple[Door, PaymentIntent]], max_failed: int) -> None:
    """Wish those cancelled whose reference has had its failed attempts; a job does it. All share one session."""
    payable = {row.id: (door, row) for door, row in failed if row.is_payable}
    if not payable:
        return
    session = failed[0][0].session
    rows = [row for _, row in payable.values()]
    for each in await repository.find_tested(session, rows, max_failed, WINDOW):
        door, row = payable[each]
        row.is_closing, row.closing_reason = True, REASON
        door.append(row, "payment_intent.too_many_failed_attempts", limit=max_failed)
        await jobs.enqueue(session, "converge", payment_intent_id=row.id)


async def refuse_if_tested(session: AsyncSession, reference: Reference, max_failed: int) -> None:
    """Raise TooManyFailedAttempts until an attempt is old enough; money that was taken or is on its way ends it too."""
    rest = await repository.blocked_for(session, reference, max_failed, WINDOW)
    if rest is None:
        return
    row, _ = await repository.read_newest(session, reference)
    if row is None or row.status == "succeeded" or row.is_frozen:
        return
    raise TooManyFailedAttempts(retry_after=rest.total_seconds())
