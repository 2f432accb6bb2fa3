"""The door's other wing: what we learn of attempts. The reference is locked by whoever opened the door."""

from app.attempts import repository as attempts
from app.attempts.models import PaymentAttempt
from app.payment_intents import card_testing
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.stripe_gateway import ChargeSnapshot, PaymentIntentSnapshot, StripeEvent


async def record_charge(door: Door, row: PaymentIntent, charge: ChargeSnapshot, *, max_failed: int) -> None:
    """Write the attempt that a Charge is, once, and tell of it; one failure too many ends the reference's checkout."""
    await _tell(door, row, await attempts.record_charge(door.session, row.id, charge), max_failed)


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
    await _tell(door, row, attempt, max_failed)


async def _tell(door: Door, row: PaymentIntent, attempt: PaymentAttempt | None, max_failed: int) -> None:
    if attempt is None:
        return
    row.touched_at = door.now
    door.append(
        row,
        f"payment_attempt.{attempt.status}",
        attempt_id=str(attempt.id),
        amount=attempt.amount,
        currency=attempt.currency,
        failure_code=attempt.failure_code,
        decline_code=attempt.decline_code,
    )
    if attempt.status == "failed":
        await card_testing.close_if_tested(door, row, max_failed)
