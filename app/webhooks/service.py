"""Take in one event of Stripe's: exactly once, in one transaction, without a call to Stripe."""

from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.errors import InvalidEvent, NotConverged
from app.events.repository import Actor
from app.payment_intents import content, ledger, recording
from app.payment_intents import repository as payment_intents
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.payment_intents.repository import Name
from app.refunds import recording as refunds
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import ChargeSnapshot, PaymentIntentSnapshot, RefundSnapshot, StripeEvent, verify
from app.webhooks import repository

log = structlog.get_logger()

Outcome = Literal["recorded", "ignored", "duplicate"]
Told = PaymentIntentSnapshot | ChargeSnapshot | RefundSnapshot


async def receive(resources: Resources, body: bytes, signature: str | None) -> Outcome:
    """Verify an event and take it in. Raises InvalidSignature or InvalidEvent."""
    event = verify(body, signature, resources.settings.stripe_webhook_secret)
    told = _read(event)
    async with resources.sessions.begin() as session:
        outcome = await _take(session, resources.settings, event, told)
    log.info("webhook.received", stripe_event=event.id, type=event.type, object_id=event.object_id, outcome=outcome)
    return outcome


def _read(event: StripeEvent) -> Told | None:
    """Read the object that the event carries; None when its kind is no concern of ours."""
    try:
        match event.object_kind:
            case "payment_intent":
                return PaymentIntentSnapshot.parse(event.object, request_id=event.request_id)
            case "charge":
                return ChargeSnapshot.parse(event.object)
            case "refund":
                return RefundSnapshot.parse(event.object, request_id=event.request_id)
            case _:
                return None
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidEvent from error


async def _take(session: AsyncSession, settings: Settings, event: StripeEvent, told: Told | None) -> Outcome:
    """Lock what it is about, store the event, and let it in; the lock comes first, for the feed's order."""
    name = _name(told, settings.instance)
    reference = await payment_intents.find_reference(session, name) if name else None
    if told is None or name is None or reference is None:
        return "ignored" if await repository.accept(session, event, outcome="ignored") else "duplicate"
    actor = Actor(f"stripe:{event.id}", event.request_id)
    door, _ = await recording.open_door(session, reference, actor, settings.instance)
    if not await repository.accept(session, event, outcome="recorded"):
        return "duplicate"
    row = await payment_intents.find(session, name)
    if row is None or row.reference != reference:
        raise NotConverged("Its reference has just changed; send the event again.")
    await _let_in(door, row, event, told, max_failed=settings.max_failed_attempts)
    return "recorded"


def _name(told: Told | None, instance: str) -> Name | None:
    """Tell how its PaymentIntent is found here."""
    match told:
        case PaymentIntentSnapshot(id=stripe_id, metadata=metadata):
            return Name(stripe_id, content.marked_by(metadata, instance))
        case ChargeSnapshot(payment_intent_id=str(stripe_id), metadata=metadata):
            return Name(stripe_id, content.marked_by(metadata, instance))
        case RefundSnapshot(payment_intent_id=str(stripe_id), metadata=metadata):
            return Name(stripe_id, content.marked_by(metadata, instance))
        case _:
            return None


async def _let_in(door: Door, row: PaymentIntent, event: StripeEvent, told: Told, *, max_failed: int) -> None:
    if isinstance(told, RefundSnapshot):
        await refunds.record(door, row, told)
        return
    if isinstance(told, ChargeSnapshot):
        await ledger.record_charge(door, row, told, max_failed=max_failed)
        if told.amount_refunded > row.amount_refunded:  # by a refund that nobody told us of
            await jobs.enqueue(door.session, "sync_refunds", payment_intent_id=row.id)
        return
    await recording.record_hint(door, row, told)
    if event.type == "payment_intent.payment_failed":
        await ledger.record_failure(door, row, told, event, max_failed=max_failed)
