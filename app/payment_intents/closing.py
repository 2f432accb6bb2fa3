"""Bring a PaymentIntent that is closed here to its end at Stripe: cancel what can be paid, record what was paid."""

from uuid import UUID

import structlog

from app.payment_intents import repository
from app.payment_intents.changes import change_one
from app.payment_intents.convergence import context_at
from app.payment_intents.errors import SyncPending
from app.payment_intents.protocol import closed
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.payment_intents.protocol.steps import MAX_CALLS, Answer, Answered, Call, Gone, Refused
from app.payment_intents.stripe_calls import answer_of
from app.resources import Resources

log = structlog.get_logger()


async def finish(resources: Resources, payment_intent_id: UUID, actor: Actor) -> PaymentIntentState:
    """Make the calls that are due now; return the row as they leave it.

    Raises StripeRefused or Unavailable; the sweep finds it again.
    """
    for _ in range(MAX_CALLS):
        found = await repository.read_one(resources.database, payment_intent_id)
        [row] = found.state.payment_intents
        call = closed.next_call(row, context_at(resources, found))
        if call is None:
            return row
        answer, error = await answer_of(resources, call)
        await _record(resources, row, call, answer, actor)
        is_shown = isinstance(answer, Refused) and answer.snapshot is not None
        if error is not None and not is_shown and not isinstance(answer, Gone):
            raise error
    raise SyncPending


async def ask_again(resources: Resources, payment_intent_id: UUID, actor: Actor) -> PaymentIntentState:
    """Ask Stripe, whatever is known here. Raises what `finish` does."""

    async def decide(change: Change, row: PaymentIntentState) -> None:
        change.put(row._replace(needs_refresh=True))

    await change_one(resources, payment_intent_id, actor, decide)
    return await finish(resources, payment_intent_id, actor)


async def cancel(resources: Resources, payment_intent_id: UUID, actor: Actor, reason: str | None) -> PaymentIntentState:
    """Cancel it, and release what it holds; one that has ended is left as it is. Raises what `finish` does."""

    async def decide(change: Change, row: PaymentIntentState) -> None:
        closed.request_cancel(change, row, reason)

    await change_one(resources, payment_intent_id, actor, decide)
    return await finish(resources, payment_intent_id, actor)


async def _record(resources: Resources, row: PaymentIntentState, call: Call, answer: Answer, actor: Actor) -> None:
    if isinstance(answer, Answered):
        actor = actor.with_request(answer.snapshot.request_id)

    async def decide(change: Change, row: PaymentIntentState) -> None:
        closed.record_answer(change, row, call, answer)

    await change_one(resources, row.id, actor, decide)
    log.info("payment_intent.closed_recorded", stripe_id=row.stripe_id, answer=type(answer).__name__)
