"""Take events of Stripe's in: each exactly once, with all its effects, without a call to Stripe.

All of a batch is one statement, or one transaction if it enqueues jobs.

Events that arrive together share a read and a write: these cost about as much for thirty events as for one.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import structlog

from app.attempts.attempt import Attempt
from app.db.engine import Connection
from app.disputes import recording as disputes
from app.disputes import repository as dispute_rows
from app.disputes.dispute import Dispute
from app.errors import PaymentsError
from app.payment_intents import repository as payment_intents
from app.payment_intents.attempt_recording import record_attempt
from app.payment_intents.convergence import RACE_PAUSE, context_at
from app.payment_intents.errors import SyncPending
from app.payment_intents.protocol.record import record_hint
from app.payment_intents.protocol.state import TERMINAL, Actor, Change, PaymentIntentState
from app.payment_intents.protocol.terms import Reference, id_in
from app.payment_intents.repository import PaymentIntentLookup
from app.references.repository import Write, compare_and_set
from app.refunds import recording as refunds
from app.refunds import repository as refund_rows
from app.refunds.refund import Refund
from app.resources import Resources
from app.stripe_gateway import (
    ChargeSnapshot,
    CheckoutSessionSnapshot,
    DisputeSnapshot,
    FraudWarningSnapshot,
    PaymentIntentSnapshot,
    RefundSnapshot,
    StripeEvent,
)
from app.stripe_gateway.errors import InvalidEvent
from app.webhooks import repository
from app.webhooks.errors import RecoveryPending
from app.webhooks.repository import WEBHOOK_EVENTS, BatchRead

log = structlog.get_logger()

Outcome = Literal["recorded", "ignored", "duplicate"]
WebhookObject = (
    PaymentIntentSnapshot
    | CheckoutSessionSnapshot
    | ChargeSnapshot
    | DisputeSnapshot
    | RefundSnapshot
    | FraudWarningSnapshot
)

# Stands for a PaymentIntent that is not looked up yet.
_NO_ID = UUID(int=0)

# How long one event is tried whose reference others change or lock.
DEADLINE_SECONDS = 5.0

# Who waits for a reference looks again ever later, at random, up to so many seconds.
LONGEST_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event, the object that it carries, and how its PaymentIntent is found here; None for what is not ours."""

    event: StripeEvent
    object: WebhookObject | None
    lookup: PaymentIntentLookup | None

    @property
    def about(self) -> str:
        """Stripe's id of the PaymentIntent that it changes; its own when it changes none of ours."""
        return self.event.id if self.lookup is None else self.lookup.stripe_id

    @classmethod
    def read(cls, event: StripeEvent, instance: str) -> "IncomingEvent":
        """Read what the event carries. Raises InvalidEvent."""
        found = _object_of(event)
        return cls(event, found, _lookup_of(found, instance))


async def ingest(resources: Resources, event: StripeEvent) -> Outcome:
    """Ingest one event that is proved to be Stripe's. Raises InvalidEvent, SyncPending or RecoveryPending."""
    outcome = await ingest_alone(resources, IncomingEvent.read(event, resources.settings.instance))
    code = outcome.code if isinstance(outcome, PaymentsError) else outcome
    log.info("event.ingested", stripe_event=event.id, type=event.type, object_id=event.object_id, outcome=code)
    if isinstance(outcome, PaymentsError):
        raise outcome
    return outcome


async def ignore(resources: Resources, event: StripeEvent) -> None:
    """Store an event as ignored: it names us, but is about nothing that we or Stripe have."""
    write = Write(None, None)
    write.add(WEBHOOK_EVENTS, [repository.row_of(event, "ignored", None)])
    async with resources.database.connection() as connection:
        await compare_and_set(connection, [write], "batch")
    log.warning("event.ignored", stripe_event=event.id, type=event.type, object_id=event.object_id)


async def ingest_alone(resources: Resources, incoming: IncomingEvent) -> Outcome | PaymentsError:
    """Take in one event, waiting for whoever changes or locks its reference, without a connection meanwhile."""
    deadline, pause = time.monotonic() + DEADLINE_SECONDS, RACE_PAUSE
    while time.monotonic() < deadline:
        [outcome] = await ingest_all(resources, [incoming])
        if outcome is not None:
            return outcome
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return SyncPending("Its reference is locked or keeps changing; send the event again.")


async def ingest_all(resources: Resources, events: Sequence[IncomingEvent]) -> list[Outcome | PaymentsError | None]:
    """Take events in, in this order; return what became of each.

    None: nothing was done, its reference is locked or has changed; take it again. An error is of its event alone, of
    which nothing is stored: RecoveryPending, when what it is about is missing here.
    """
    async with resources.database.connection() as connection:
        batch = _Batch(resources, events, await _read(connection, resources, events))
        await batch.read_more(connection)
        outcomes = [batch.take(each) for each in events]
        written = await batch.write(connection)
    return [
        outcome if isinstance(outcome, PaymentsError) or batch.is_stored(each, written) else None
        for outcome, each in zip(outcomes, events, strict=True)
    ]


def _object_of(event: StripeEvent) -> WebhookObject | None:
    """Return the object that the event carries; None when its kind is no concern of ours."""
    try:
        match event.object_kind:
            case "payment_intent":
                return PaymentIntentSnapshot.parse(event.object, request_id=event.request_id)
            case "checkout.session":
                return _checkout_of(event)
            case "charge":
                return ChargeSnapshot.parse(event.object)
            case "refund":
                return RefundSnapshot.parse(event.object, request_id=event.request_id)
            case "dispute":
                return DisputeSnapshot.parse(event.object)
            case "radar.early_fraud_warning":
                return FraudWarningSnapshot.parse(event.object)
            case _:
                return None
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidEvent from error


def _checkout_of(event: StripeEvent) -> CheckoutSessionSnapshot | None:
    """Return the session of an event; None for one that is not for a payment, or that a total of nothing has."""
    if event.object.get("mode") != "payment" or not event.object.get("amount_total"):
        return None
    snapshot = CheckoutSessionSnapshot.parse(event.object, request_id=event.request_id)
    has_failed = event.type == "checkout.session.async_payment_failed"
    return replace(snapshot, status="requires_payment_method") if has_failed else snapshot


def _lookup_of(found: WebhookObject | None, instance: str) -> PaymentIntentLookup | None:
    """Return how the object's PaymentIntent is found here."""
    match found:
        case PaymentIntentSnapshot(id=stripe_id, metadata=metadata):
            return PaymentIntentLookup(stripe_id, id_in(metadata, instance))
        case CheckoutSessionSnapshot(id=stripe_id, metadata=metadata):
            return PaymentIntentLookup(stripe_id, id_in(metadata, instance), is_checkout=True)
        case ChargeSnapshot(payment_intent_id=str(stripe_id), metadata=metadata):
            return PaymentIntentLookup(stripe_id, id_in(metadata, instance))
        case RefundSnapshot(payment_intent_id=str(stripe_id), metadata=metadata):
            return PaymentIntentLookup(stripe_id, id_in(metadata, instance))
        case DisputeSnapshot(payment_intent_id=str(stripe_id)) | FraudWarningSnapshot(payment_intent_id=str(stripe_id)):
            return PaymentIntentLookup(stripe_id)
        case _:
            return None


async def _read(connection: Connection, resources: Resources, events: Sequence[IncomingEvent]) -> BatchRead:
    keys = [key for each in events if (key := _attempt_key(each)) is not None]
    return await repository.read_batch(
        connection,
        [each.lookup for each in events if each.lookup is not None],
        event_ids=[each.event.id for each in events],
        attempt_keys=keys,
        # Those of the batch may be the last ones that were still allowed.
        threshold=max(1, resources.settings.max_failed_attempts - len(keys)),
    )


def _attempt_key(incoming: IncomingEvent) -> str | None:
    if isinstance(incoming.object, ChargeSnapshot):
        return incoming.object.id
    attempt = _failure_of(incoming, None)
    return attempt.key if attempt else None


def _failure_of(incoming: IncomingEvent, row: PaymentIntentState | None) -> Attempt | None:
    """Return the attempt that failed before there was a Charge, as 3DS failures do."""
    snapshot, event = incoming.object, incoming.event
    if not isinstance(snapshot, PaymentIntentSnapshot) or event.type != "payment_intent.payment_failed":
        return None
    if snapshot.last_payment_error is None:
        return None
    price = (snapshot.amount, snapshot.currency)
    row_id = row.id if row is not None else _NO_ID
    return Attempt.of_failure(row_id, snapshot.last_payment_error, event, price=price, metadata=snapshot.metadata)


class _Batch:
    """The changes that a batch of events makes, one for each reference."""

    def __init__(self, resources: Resources, events: Sequence[IncomingEvent], read: BatchRead) -> None:
        self._events = events
        self._attempts = read.attempts
        self._stored_before = read.event_ids
        self._seen = set(read.event_ids)
        self._changes = {
            each.state.reference: Change(each.state, context_at(resources, each), Actor("stripe"))
            for each in read.reads
        }
        # Where a PaymentIntent is found, by Stripe's id and by ours.
        self._places: dict[str | UUID | None, tuple[Change, UUID]] = {}
        for change in self._changes.values():
            for row in change.state.payment_intents:
                self._places[row.id] = change, row.id
                for stripe_id in (row.stripe_id, row.checkout_id):
                    if stripe_id is not None:
                        self._places[stripe_id] = change, row.id
        self._to_store: dict[Reference | None, list[tuple[StripeEvent, str]]] = {}
        self._refunds: dict[str, Refund] = {}
        self._disputes: dict[str, Dispute] = {}

    async def read_more(self, connection: Connection) -> None:
        """Read the refunds and disputes of the PaymentIntents that events of those kinds are about."""
        for kind in (RefundSnapshot, DisputeSnapshot):
            of_kind = [each for each in self._events if isinstance(each.object, kind)]
            rows = [found[1] for each in of_kind if (found := self._find(each.lookup)) is not None]
            if rows and kind is RefundSnapshot:
                self._refunds = await refund_rows.read_of(connection, [row.id for row in rows])
            elif rows:
                self._disputes = await dispute_rows.read_of(connection, [row.id for row in rows])

    def take(self, incoming: IncomingEvent) -> Outcome | PaymentsError:
        """Say what becomes of an event, and change its reference accordingly."""
        event = incoming.event
        if event.id in self._seen:
            return "duplicate"
        found = self._find(incoming.lookup)
        outcome = "recorded" if found is not None else self._outcome_of_missing(incoming.lookup)
        if isinstance(outcome, PaymentsError):
            return outcome
        self._seen.add(event.id)
        self._to_store.setdefault(self._reference(incoming), []).append((event, outcome))
        if found is not None:
            change, row = found
            change.actor = Actor(f"stripe:{event.id}", event.request_id)
            self._apply(change, row, incoming)
            self._places[incoming.about] = change, row.id  # a row that had no id of Stripe's has one now
        return outcome

    async def write(self, connection: Connection) -> set[tuple[str, str]]:
        """Write the changes; return (kind, id) of the references and ("event", id) of the events that were stored."""
        writes = [self._write_of(reference, stored) for reference, stored in self._to_store.items()]
        if not writes:
            return set()
        changes = [self._changes[reference] for reference in self._to_store if reference is not None]
        if not any(change.jobs for change in changes):
            return await compare_and_set(connection, writes, "batch")
        async with connection.transaction():
            written = await compare_and_set(connection, writes, "batch")
            for change in changes:
                if (change.state.reference.kind, change.state.reference.id) in written:
                    await payment_intents.enqueue_jobs(connection, change)
        return written

    def is_stored(self, incoming: IncomingEvent, written: set[tuple[str, str]]) -> bool:
        """Whether the event is stored, by this batch or before it."""
        reference = self._reference(incoming)
        key = ("event", incoming.event.id) if reference is None else (reference.kind, reference.id)
        return key in written or incoming.event.id in self._stored_before

    def _write_of(self, reference: Reference | None, stored: Sequence[tuple[StripeEvent, str]]) -> Write:
        write = Write(None, None) if reference is None else payment_intents.writes_of(self._changes[reference])
        write.add(WEBHOOK_EVENTS, [repository.row_of(event, outcome, reference) for event, outcome in stored])
        return write

    def _reference(self, incoming: IncomingEvent) -> Reference | None:
        found = self._find(incoming.lookup)
        return None if found is None else found[0].state.reference

    def _find(self, lookup: PaymentIntentLookup | None) -> tuple[Change, PaymentIntentState] | None:
        if lookup is None:
            return None
        place = self._places.get(lookup.stripe_id) or self._places.get(lookup.payment_intent_id)
        if place is None:
            return None
        change, row_id = place
        row = change.state.get(row_id)
        return (change, row) if row is not None and lookup.fits(row) else None

    def _outcome_of_missing(self, lookup: PaymentIntentLookup | None) -> Outcome | PaymentsError:
        if lookup is None or lookup.payment_intent_id is None:
            return "ignored"
        is_here = any(change.state.get(lookup.payment_intent_id) for change in self._changes.values())
        return "ignored" if is_here else RecoveryPending(stripe_id=lookup.stripe_id)

    def _apply(self, change: Change, row: PaymentIntentState, incoming: IncomingEvent) -> None:
        match incoming.object:
            case PaymentIntentSnapshot() as snapshot:
                row = record_hint(change, row, snapshot)
                failure = _failure_of(incoming, row)
                if failure is not None:
                    record_attempt(change, row, failure, self._attempts)
            case CheckoutSessionSnapshot() as snapshot:
                record_hint(change, row, snapshot)
            case ChargeSnapshot() as charge:
                record_attempt(change, row, Attempt.of_charge(row.id, charge), self._attempts)
                if charge.amount_refunded > row.amount_refunded:
                    change.enqueue("sync_refunds", row)  # by a refund that nobody told us of
            case RefundSnapshot() if row.status not in TERMINAL:
                change.enqueue("sync_refunds", row)  # of what was captured, or only released? Stripe is asked
            case RefundSnapshot() as refund if not refunds.is_release(change, row, refund, self._refunds):
                refunds.record(change, row, refund, self._refunds)
            case DisputeSnapshot() as dispute:
                disputes.record_hint(change, row, dispute, self._disputes)
            case FraudWarningSnapshot() as warning:
                disputes.record_warning(change, row, warning)
            case _:
                pass
