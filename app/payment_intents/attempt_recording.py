"""The door's other wing: what we learn of attempts. The reference is locked by whoever opened the door."""

import uuid
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.attempts import repository as attempts
from app.attempts.models import PaymentAttempt
from app.domain_events.repository import Actor
from app.payment_intents import card_testing, recording, repository
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.resources import Resources
from app.stripe_gateway import ChargeSnapshot, PaymentIntentSnapshot, StripeEvent


async def record_charge(door: Door, row: PaymentIntent, charge: ChargeSnapshot, *, max_failed: int) -> bool:
    """Write the attempt that a Charge is, once, and tell of it; give whether it was news.

    One failure too many ends the reference's checkout.
    """
    attempt = await attempts.record_charge(door.session, row.id, charge)
    await _tell([(door, row, attempt)], max_failed)
    return attempt is not None


async def record_charges(
    session: AsyncSession, charges: Sequence[tuple[Door, PaymentIntent, ChargeSnapshot]], *, max_failed: int
) -> None:
    """Write the attempts that many Charges are, each once, and tell of them; a Charge may come twice."""
    firsts = {charge.id: (row.id, charge) for _, row, charge in reversed(charges)}
    news = await attempts.record_charges(session, list(firsts.values()))
    first = [(door, row, charge) for door, row, charge in charges if firsts[charge.id][1] is charge]
    await _tell([(door, row, news.get(charge.id)) for door, row, charge in first], max_failed)
    for door, row, charge in charges:
        if firsts[charge.id][1] is not charge:
            await record_charge(door, row, charge, max_failed=max_failed)


async def record_failure(
    door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot, event: StripeEvent, *, max_failed: int
) -> None:
    """Write an attempt that failed before there was a Charge, as 3DS failures do, just like one with a Charge."""
    if snapshot.last_payment_error is None:
        return
    attempt = await attempts.record_failure(
        door.session,
        row.id,
        snapshot.last_payment_error,
        event,
        amount=snapshot.amount,
        currency=snapshot.currency,
        metadata=snapshot.metadata,
    )
    await _tell([(door, row, attempt)], max_failed)


async def sync(resources: Resources, payment_intent_id: uuid.UUID) -> int:
    """Ask Stripe for all Charges of a PaymentIntent and write the attempts that nobody told us of.

    Give how many those were. Raises Unavailable.
    """
    async with resources.sessions() as session:
        stripe_id = (await repository.get(session, payment_intent_id)).stripe_id
    if stripe_id is None:
        return 0
    charges = await resources.stripe.list_charges(stripe_id)
    settings = resources.settings
    async with resources.sessions.begin() as session:
        door, row = await recording.open_door_of(session, payment_intent_id, Actor("job:sync"), settings.instance)
        max_failed = settings.max_failed_attempts
        return sum([await record_charge(door, row, charge, max_failed=max_failed) for charge in reversed(charges)])


async def _tell(written: Sequence[tuple[Door, PaymentIntent, PaymentAttempt | None]], max_failed: int) -> None:
    """Tell of the attempts that were news."""
    news = [(door, row, attempt) for door, row, attempt in written if attempt is not None]
    for door, row, attempt in news:
        row.touched_at = door.now
        row.attempts_told += 1
        door.append(
            row,
            f"payment_attempt.{attempt.status}",
            attempt_id=str(attempt.id),
            amount=attempt.amount,
            currency=attempt.currency,
            failure_code=attempt.failure_code,
            decline_code=attempt.decline_code,
        )
    failed = [(door, row) for door, row, attempt in news if attempt.status == "failed"]
    await card_testing.close_if_tested(failed, max_failed)
