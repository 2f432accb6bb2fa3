"""Take events of Stripe's in: each exactly once, in one transaction with all its effects, without a call to Stripe.

Events that arrive together share a transaction: nearly all of an event's cost is statements and commits, and these are
as many for thirty events as for one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app import jobs
from app.disputes import recording as disputes
from app.errors import InvalidEvent, NotAdopted, NotConverged, PaymentsError
from app.events.repository import Actor
from app.payment_intents import content, ledger, recording
from app.payment_intents import repository as payment_intents
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.payment_intents.repository import Name
from app.references.models import Reference
from app.refunds import recording as refunds
from app.resources import Resources
from app.settings import Settings
from app.stripe_gateway import ChargeSnapshot, DisputeSnapshot, PaymentIntentSnapshot, RefundSnapshot, StripeEvent
from app.webhooks import repository

log = structlog.get_logger()

Outcome = Literal["recorded", "ignored", "duplicate"]
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
    """Take in one event that is Stripe's beyond doubt. Raises InvalidEvent, NotConverged or NotAdopted."""
    [outcome] = await take_all(resources, [Arrival.read(event, resources.settings.instance)])
    told = outcome.code if isinstance(outcome, PaymentsError) else outcome
    log.info("event.taken", stripe_event=event.id, type=event.type, object_id=event.object_id, outcome=told)
    if isinstance(outcome, PaymentsError):
        raise outcome
    return outcome


async def take_all(resources: Resources, arrivals: Sequence[Arrival]) -> list[Outcome | PaymentsError]:
    """Take events in, in this order, all or none; give what became of each.

    An error among the outcomes is of its event alone, of which nothing is stored then: NotConverged or NotAdopted.
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
    doors = await recording.open_doors(session, names, settings.instance)
    rows = await payment_intents.find_all(session, names) if doors else []
    found = [_row_of(arrival.name, rows) for arrival in arrivals]
    outcomes: list[Outcome | PaymentsError] = []
    for arrival, row in zip(arrivals, found, strict=True):
        outcomes.append(await _foresee(session, arrival, row, doors))
    stored = [
        (arrival.event, outcome)
        for arrival, outcome in zip(arrivals, outcomes, strict=True)
        if not isinstance(outcome, PaymentsError)
    ]
    new = await repository.accept(session, stored)
    let_in: list[tuple[Door, PaymentIntent, Arrival]] = []
    for number, (arrival, row) in enumerate(zip(arrivals, found, strict=True)):
        if isinstance(outcomes[number], PaymentsError):
            continue
        if arrival.event.id not in new:
            outcomes[number] = "duplicate"
            continue
        new.discard(arrival.event.id)
        if row is not None:
            actor = Actor(f"stripe:{arrival.event.id}", arrival.event.request_id)
            let_in.append((replace(doors[row.reference], actor=actor), row, arrival))
    await _let_in(session, let_in, max_failed=settings.max_failed_attempts)
    return outcomes


def _row_of(name: Name | None, rows: Sequence[PaymentIntent]) -> PaymentIntent | None:
    if name is None:
        return None
    return next((row for row in rows if name.fits(row)), None)


async def _foresee(
    session: AsyncSession, arrival: Arrival, row: PaymentIntent | None, doors: Mapping[Reference, Door]
) -> Outcome | PaymentsError:
    """Tell what is to become of an event, unless it is a duplicate."""
    if row is None:
        name = arrival.name
        return NotAdopted(stripe_id=name.stripe_id) if name and await _is_lost(session, name) else "ignored"
    if row.reference not in doors:
        return NotConverged("Its reference has just changed; send the event again.")
    return "recorded"


async def _is_lost(session: AsyncSession, name: Name) -> bool:
    """Whether our marks say that it is ours, while nothing is here under its id."""
    return name.payment_intent_id is not None and await session.get(PaymentIntent, name.payment_intent_id) is None


async def _let_in(
    session: AsyncSession, arrivals: Sequence[tuple[Door, PaymentIntent, Arrival]], *, max_failed: int
) -> None:
    charges = [(door, row, arrival.told) for door, row, arrival in arrivals if isinstance(arrival.told, ChargeSnapshot)]
    await ledger.record_charges(session, charges, max_failed=max_failed)
    for door, row, arrival in arrivals:
        match arrival.told:
            case PaymentIntentSnapshot() as told:
                await recording.record_hint(door, row, told)
                if arrival.event.type == "payment_intent.payment_failed":
                    await ledger.record_failure(door, row, told, arrival.event, max_failed=max_failed)
            case ChargeSnapshot() as told if told.amount_refunded > row.amount_refunded:
                # By a refund that nobody told us of.
                await jobs.enqueue(session, "sync_refunds", payment_intent_id=row.id)
            case RefundSnapshot() as told:
                await refunds.record(door, row, told)
            case DisputeSnapshot() as told:
                await disputes.record_hint(door, row, told)
    for door, row, _ in arrivals:
        if session.is_modified(row):
            row.updated_at = door.now  # known here, so that one statement can update many rows
