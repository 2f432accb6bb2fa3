"""How what Stripe says of attempts changes a PaymentIntent and its attempt history."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.attempts import repository
from app.attempts.attempt import Attempt
from app.attempts.repository import PAYMENT_ATTEMPTS, KnownAttempt
from app.payment_intents import card_testing
from app.payment_intents import repository as payment_intents
from app.payment_intents.changes import change_one
from app.payment_intents.protocol.events import AttemptFailed, AttemptSucceeded
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState
from app.resources import Resources


def record_attempt(
    change: Change, row: PaymentIntentState, attempt: Attempt, known: Mapping[str, KnownAttempt]
) -> bool:
    """Record an attempt, once, whichever event tells of it first; return whether it was new.

    A later word on the same attempt may only finish one that was pending. One failure too many ends the reference's
    checkout.
    """
    earlier = change.rows.get(PAYMENT_ATTEMPTS, {}).get(attempt.key) or known.get(attempt.key)
    if earlier is not None and (earlier["status"] != "pending" or attempt.status == "pending"):
        return False
    attempt = replace(attempt, id=UUID(str(earlier["id"]))) if earlier is not None else attempt
    change.save(PAYMENT_ATTEMPTS, attempt.key, repository.row_of(attempt, created_at=change.now))
    row = change.touch(row._replace(last_activity_at=change.now, attempt_notifications=row.attempt_notifications + 1))
    if attempt.status == "succeeded":
        change.append(row, AttemptSucceeded(attempt.id, attempt.amount, attempt.currency, attempt.payment_method_type))
    if attempt.status == "failed":
        codes = (attempt.failure_code, attempt.decline_code, attempt.payment_method_type)
        change.append(row, AttemptFailed(attempt.id, attempt.amount, attempt.currency, *codes))
        _count_failure(change, attempt.attempted_at)
        card_testing.cancel_if_tested(change, row)
    return True


async def sync(resources: Resources, payment_intent_id: UUID) -> int:
    """Ask Stripe for all Charges of a PaymentIntent and record the attempts that nobody told us of.

    Return how many those were. Raises Unavailable.
    """
    stripe_id = (await payment_intents.get(resources.database, payment_intent_id)).stripe_id
    if stripe_id is None:
        return 0
    charges = await resources.stripe.list_charges(stripe_id)
    attempts = [Attempt.of_charge(payment_intent_id, charge) for charge in reversed(charges)]

    async def record(change: Change, row: PaymentIntentState) -> int:
        known = await repository.find_known(resources.database, [attempt.key for attempt in attempts])
        return sum([record_attempt(change, change.state.get(row.id) or row, each, known) for each in attempts])

    return await change_one(resources, payment_intent_id, Actor("job:sync"), record)


def _count_failure(change: Change, failed_at: datetime) -> None:
    failures = sorted((*change.state.recent_failures, failed_at), reverse=True)
    change.state = change.state._replace(recent_failures=tuple(failures))
