"""Take events of Stripe's in: each exactly once, in one transaction with all its effects, without a call to Stripe.

Events that arrive together share a transaction: nearly all of an event's cost is statements and commits, and these are
as many for thirty events as for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import queue
from app.disputes import recording as disputes
from app.domain_events.repository import Actor
from app.errors import PaymentsError
from app.payment_intents import attempt_recording, content, recording
from app.payment_intents import repository as payment_intents
from app.payment_intents.errors import SyncPending
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.payment_intents.repository import Name
from app.refunds import recording as refunds
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import ChargeSnapshot, DisputeSnapshot, PaymentIntentSnapshot, RefundSnapshot, StripeEvent
from app.stripe_gateway.errors import InvalidEvent
from app.webhooks import repository
from app.webhooks.errors import RecoveryPending

log = structlog.get_logger()

Outcome = Literal["recorded", "ignored", "duplicate"]
Way = tuple[Door, PaymentIntent]
Told = PaymentIntentSnapshot | ChargeSnapshot | DisputeSnapshot | RefundSnapshot


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event, what it tells, and how its PaymentIntent is found here; the latter None for what is not ours."""

    event: StripeEvent
    told: Told | None
    name: Name | None

    @classmethod
    def read(cls, event: StripeEvent, instance: str) -> "Arrival":
        """Read what the event carries. Raises InvalidEvent."""
        told = _read(event)
        return cls(event, told, _name(told, instance))


async def take(resources: Resources, event: StripeEvent) -> Outcome:
    """Take in one event that is Stripe's beyond doubt. Raises InvalidEvent, SyncPending or RecoveryPending."""
    [outcome] = await take_all(resources, [Arrival.read(event, resources.settings.instance)])
    told = outcome.code if isinstance(outcome, PaymentsError) else outcome
    log.info("event.taken", stripe_event=event.id, type=event.type, object_id=event.object_id, outcome=told)
    if isinstance(outcome, PaymentsError):
        raise outcome
    return outcome


async def take_all(resources: Resources, arrivals: Sequence[Arrival]) -> list[Outcome | PaymentsError]:
    """Take events in, in this order, all or none; give what became of each.

    An error among the outcomes is of its event alone, of which nothing is stored then: SyncPending or RecoveryPending.
    """
    async with resources.sessions.begin() as session:
        return await _take_all(session, resources.settings, arrivals)


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
            case "dispute":
                return DisputeSnapshot.parse(event.object)
            case _:
                return None
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidEvent from error


def _name(told: Told | None, instance: str) -> Name | None:
    """Tell how its PaymentIntent is found here."""
    match told:
        case PaymentIntentSnapshot(id=stripe_id, metadata=metadata):
            return Name(stripe_id, content.marked_by(metadata, instance))
        case ChargeSnapshot(payment_intent_id=str(stripe_id), metadata=metadata):
            return Name(stripe_id, content.marked_by(metadata, instance))
        case RefundSnapshot(payment_intent_id=str(stripe_id), metadata=metadata):
            return Name(stripe_id, content.marked_by(metadata, instance))
        case DisputeSnapshot(payment_intent_id=str(stripe_id)):
            return Name(stripe_id, None)
        case _:
            return None


async def _take_all(
    session: AsyncSession, settings: Settings, arrivals: Sequence[Arrival]
) -> list[Outcome | PaymentsError]:
    """Lock what they are about, store the events, and let them in; the locks come first, for the feed's order."""
    names = [arrival.name for arrival in arrivals if arrival.name is not None]
    opened = await recording.open_doors(session, names, settings.instance)
    found = [_find(arrival.name, opened) for arrival in arrivals]
    outcomes = await _foresee(session, list(zip(arrivals, found, strict=True)))
    stored = [
        (arrival.event, outcome)
        for arrival, outcome in zip(arrivals, outcomes, strict=True)
        if not isinstance(outcome, PaymentsError)
    ]
    new = await repository.accept(session, stored)
    let_in: list[tuple[Door, PaymentIntent, Arrival]] = []
    for number, (arrival, way) in enumerate(zip(arrivals, found, strict=True)):
        if isinstance(outcomes[number], PaymentsError):
            continue
        if arrival.event.id not in new:
            outcomes[number] = "duplicate"
            continue
        new.discard(arrival.event.id)
        if way is not None:
            door, row = way
            actor = Actor(f"stripe:{arrival.event.id}", arrival.event.request_id)
            let_in.append((replace(door, actor=actor), row, arrival))
    await _let_in(session, let_in, max_failed=settings.max_failed_attempts)
    return outcomes


def _find(name: Name | None, opened: Sequence[Way]) -> Way | None:
    return next((way for way in opened if name.fits(way[1])), None) if name else None


async def _foresee(
    session: AsyncSession, arrivals: Sequence[tuple[Arrival, Way | None]]
) -> list[Outcome | PaymentsError]:
    """Tell what is to become of events, unless they are duplicates."""
    missing = [arrival.name for arrival, way in arrivals if way is None and arrival.name is not None]
    here = await payment_intents.find_all(session, missing) if missing else []

    def foresee(name: Name | None) -> Outcome | PaymentsError:
        if name is None:
            return "ignored"
        if any(name.fits(row) for row in here):
            return SyncPending("Its reference has just changed; send the event again.")
        is_lost = name.payment_intent_id is not None and all(row.id != name.payment_intent_id for row in here)
        return RecoveryPending(stripe_id=name.stripe_id) if is_lost else "ignored"

    return ["recorded" if way is not None else foresee(arrival.name) for arrival, way in arrivals]


async def _let_in(
    session: AsyncSession, arrivals: Sequence[tuple[Door, PaymentIntent, Arrival]], *, max_failed: int
) -> None:
    charges = [(door, row, arrival.told) for door, row, arrival in arrivals if isinstance(arrival.told, ChargeSnapshot)]
    await attempt_recording.record_charges(session, charges, max_failed=max_failed)
    for door, row, arrival in arrivals:
        match arrival.told:
            case PaymentIntentSnapshot() as told:
                await recording.record_hint(door, row, told)
                if arrival.event.type == "payment_intent.payment_failed":
                    await attempt_recording.record_failure(door, row, told, arrival.event, max_failed=max_failed)
            case ChargeSnapshot() as told if told.amount_refunded > row.amount_refunded:
                # By a refund that nobody told us of.
                await queue.enqueue(session, "sync_refunds", payment_intent_id=row.id)
            case RefundSnapshot() as told:
                await refunds.record(door, row, told)
            case DisputeSnapshot() as told:
                await disputes.record_hint(door, row, told)
    touched = session.dirty
    for door, row, _ in arrivals:
        if row in touched:
            row.updated_at = door.now  # known here, so that one statement can update many rows
