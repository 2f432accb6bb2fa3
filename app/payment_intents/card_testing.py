"""Card testing: who tries out stolen cards on one reference is stopped, at Stripe too.

The shopper holds the client secret already and can confirm at Stripe without us; only cancelling there ends it.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.db import queue
from app.payment_intents import repository
from app.payment_intents.errors import TooManyFailedAttempts
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door

WINDOW = timedelta(hours=1)

# Stripe's word for the reason.
REASON = "fraudulent"


async def close_if_tested(failed: Sequence[tuple[Door, PaymentIntent]], max_failed: int) -> None:
    """Wish those cancelled whose reference has had its failed attempts; a job does it. All share one session."""
    payable = {row.id: (door, row) for door, row in failed if row.is_payable and may_be_tested(row, max_failed)}
    if not payable:
        return
    session = failed[0][0].session
    rows = [row for _, row in payable.values()]
    for each in await repository.find_tested(session, rows, max_failed, WINDOW):
        door, row = payable[each]
        row.is_closing, row.closing_reason = True, REASON
        door.append(row, "payment_intent.too_many_failed_attempts", limit=max_failed)
        await queue.enqueue(session, "converge", payment_intent_id=row.id)


def may_be_tested(row: PaymentIntent, max_failed: int) -> bool:
    """Tell whether the attempts must be counted: a first generation's row knows how many there may be."""
    return row.generation > 1 or row.attempts_told >= max_failed


async def refuse_if_tested(session: AsyncSession, row: PaymentIntent, max_failed: int) -> None:
    """Raise TooManyFailedAttempts until an attempt is old enough, given the reference's newest PaymentIntent.

    Money that was taken or is on its way ends it too.
    """
    if row.status == "succeeded" or row.is_frozen:
        return
    rest = await repository.blocked_for(session, row.reference, max_failed, WINDOW)
    if rest is not None:
        raise TooManyFailedAttempts(retry_after=rest.total_seconds())
