"""The one door in: all that we learn of a PaymentIntent from Stripe is written here.

Both ways in expect the reference to be locked. `record_answer` takes the answer to our own call, `record_hint`
what came unasked (a webhook) or without the lease. State moves forward only: a terminal one is taken at once
and never left, anything else must fit the row's version or costs a retrieve. No clock decides.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.db import queue
from app.domain_events import repository as events
from app.domain_events.repository import Actor
from app.payment_intents import content, repository
from app.payment_intents.content import Marks
from app.payment_intents.errors import SyncPending
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Retrieve, Rules, Run, doubt, release
from app.payment_intents.repository import Name
from app.references import repository as references
from app.references.models import PaymentReference, Reference
from app.stripe_gateway import PaymentIntentSnapshot
from app.stripe_gateway.errors import StripeRefused

AMOUNT_MISMATCH = "amount_mismatch"
DUPLICATE_PAYMENT = "duplicate_payment"
FIRST_GENERATION = 1


@dataclass(frozen=True, slots=True)
class Door:
    """One transaction's way in: the session, the locked reference, who caused it, and the time in the database."""

    session: AsyncSession
    reference: PaymentReference
    actor: Actor
    instance: str
    now: datetime

    def append(self, row: PaymentIntent, type_: str, **data: object) -> None:
        events.append(self.session, self.reference, type_, data, payment_intent_id=row.id, actor=self.actor)


async def record_answer(
    door: Door, row: PaymentIntent, run: Run, rules: Rules, snapshot: PaymentIntentSnapshot, *, call: object
) -> None:
    """RECORD of the protocol: take the answer to a call that this run began."""
    _name(row, snapshot)
    if not row.is_open or _is_of_another(row, snapshot):
        return
    if snapshot.is_replay:
        _suspect(door, row, snapshot)
    elif snapshot.is_terminal:
        await _apply(door, row, snapshot, run)
    elif row.lease_token != run.token:
        doubt(row, rules, door.now)
    elif row.status is None or row.version == run.version or (row.status == snapshot.status and not row.needs_sync):
        await _apply(door, row, snapshot, run)
        run.is_fresh = True
        if isinstance(call, Retrieve) and row.check_at is not None and call.began_at >= row.check_at:
            row.check_at = None
    else:
        row.needs_sync = True


async def record_hint(door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> None:
    """WEBHOOK of the protocol: a terminal state is taken; another status costs a retrieve, by a job.

    Its amount is ignored, since it may be old. A success of a row that we hold as closed is asked for too.
    """
    _name(row, snapshot)
    if _is_of_another(row, snapshot):
        return
    if row.is_open and snapshot.is_terminal:
        await _apply(door, row, snapshot, run=None)
    elif row.is_open and (row.status != snapshot.status or _is_behind(row, snapshot)):
        _suspect(door, row, snapshot)
        await queue.enqueue(door.session, "converge", payment_intent_id=row.id)
    elif row.is_open and row.lease_token is not None:
        row.version += 1
    elif not row.is_open and snapshot.status == "succeeded" != row.status:
        await queue.enqueue(door.session, "converge", payment_intent_id=row.id)


async def record_late_success(door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> None:
    """Take the success of a row that we held as closed, just retrieved: Stripe is right."""
    if row.status != "succeeded" == snapshot.status and row.stripe_id == snapshot.id:
        await _apply(door, row, snapshot, run=None)


async def record_adopted(door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> None:
    """Take a row that was made again from what Stripe holds, just retrieved."""
    door.session.add(row)
    door.append(row, "payment_intent.adopted", stripe_id=snapshot.id, generation=row.generation)
    await _apply(door, row, snapshot, run=None)


def refuse(door: Door, row: PaymentIntent, refusal: StripeRefused) -> int:
    """Close a row whose creation Stripe refused, so that the next PUT opens another; give the refused revision."""
    close(door, row, "refused")
    door.append(row, "payment_intent.refused", stripe_code=refusal.extensions["stripe_code"])
    revision: int = content.opened_with(row.opening)["revision"]
    return revision


def give_up(door: Door, row: PaymentIntent) -> None:
    """Close a row whose creation went wrong at Stripe for good, so that the next PUT opens another with its own key."""
    close(door, row, "failed")
    door.append(row, "payment_intent.failed", revision=row.revision)


async def open_door(
    session: AsyncSession, reference: Reference, actor: Actor, instance: str
) -> tuple[Door, PaymentIntent | None]:
    """Lock the reference, made now if it is new; give the way in and its newest row."""
    locked = await references.lock_or_create(session, reference)
    row, now = await repository.newest_and_now(session, reference)
    return Door(session, locked, actor, instance, now), row


async def open_doors(session: AsyncSession, names: Sequence[Name], instance: str) -> list[tuple[Door, PaymentIntent]]:
    """Lock the references of many PaymentIntents at once, always in one order; the ways in have no actor yet."""
    if not names:
        return []
    locked = await repository.lock_all(session, names)
    return [(Door(session, reference, Actor("stripe"), instance, now), row) for reference, row, now in locked]


async def open_door_of(
    session: AsyncSession, payment_intent_id: uuid.UUID, actor: Actor, instance: str
) -> tuple[Door, PaymentIntent]:
    """Lock the reference of a PaymentIntent; give the way in and that row.

    Raises SyncPending when it was moved at that moment.
    """
    reference = (await repository.get(session, payment_intent_id)).reference
    door, _ = await open_door(session, reference, actor, instance)
    row = await session.get_one(PaymentIntent, payment_intent_id, populate_existing=True)
    if row.reference != reference:
        raise SyncPending
    return door, row


def open_next(
    door: Door, *, requested: dict[str, Any], revision: int, previous_id: uuid.UUID | None = None
) -> PaymentIntent:
    """Open the reference's next generation, with the parameters of its creation frozen in it."""
    payment_intent_id = uuid7()
    marks = Marks(door.instance, payment_intent_id, door.reference.name)
    row = PaymentIntent(
        id=payment_intent_id,
        reference_kind=door.reference.kind,
        reference_id=door.reference.id,
        generation=door.reference.take_generation(),
        previous_id=previous_id,
        opening=content.opening_parameters(requested, revision, marks),
        requested=requested,
        revision=revision,
        touched_at=door.now,
        created_at=door.now,
    )
    door.session.add(row)
    door.append(row, "payment_intent.opened", generation=row.generation, amount=requested["amount"])
    return row


def close(door: Door, row: PaymentIntent, reason: str) -> None:
    """Close a row, so that the reference may open its next one."""
    row.closed_at = row.closed_at or door.now
    row.closed_reason = row.closed_reason or reason
    row.is_closing = False
    release(row)


def _name(row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> None:
    if row.stripe_id is None:
        row.stripe_id = snapshot.id
        row.version += 1


def _is_of_another(row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> bool:
    return row.stripe_id != snapshot.id


def _suspect(door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> None:
    """Ask Stripe before believing it; only a row that knows nothing takes it for now."""
    if row.status is None:
        _take(door, row, snapshot)
    row.needs_sync = True
    row.version += 1


def _is_behind(row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> bool:
    """Whether Stripe holds a newer request than we know of, as after the restore of an old backup.

    Otherwise a request is committed before it is sent.
    """
    is_same = content.marked_by(snapshot.metadata, row.opening["metadata"]["instance"]) == row.id
    return is_same and content.revision_in(snapshot.metadata) > row.revision


async def _apply(door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot, run: Run | None) -> None:
    if _is_behind(row, snapshot):
        row.requested, row.revision = content.held_by(snapshot), content.revision_in(snapshot.metadata)
    row.applied = _content_held(row, snapshot, run)
    if (version := row.applied.get("cart_version")) is not None:
        door.reference.cart_version = max(version, door.reference.cart_version or 0)
    row.needs_sync = False
    row.version += 1
    _take(door, row, snapshot)
    if snapshot.status == "canceled":
        close(door, row, snapshot.cancellation_reason or "canceled")
    if snapshot.status == "succeeded":
        await _settle(door, row)


def _take(door: Door, row: PaymentIntent, snapshot: PaymentIntentSnapshot) -> None:
    is_news = row.status != snapshot.status
    row.status = snapshot.status
    row.amount, row.currency = snapshot.amount, snapshot.currency
    row.amount_received = snapshot.amount_received
    row.amount_capturable = snapshot.amount_capturable
    if is_news:
        row.touched_at = door.now
        door.append(
            row,
            f"payment_intent.{snapshot.status}",
            stripe_id=snapshot.id,
            amount=snapshot.amount,
            currency=snapshot.currency,
            amount_received=snapshot.amount_received,
        )


def _content_held(row: PaymentIntent, snapshot: PaymentIntentSnapshot, run: Run | None) -> dict[str, Any]:
    """Tell what Stripe holds: the content of the revision in its metadata, or what it shows if we do not know that one.

    Stripe may show a field otherwise than it was sent: what is only read may cost one more update.
    """
    revision = snapshot.metadata.get("revision", "")
    price = {"amount": snapshot.amount, "currency": snapshot.currency}
    if row.is_payable and snapshot.metadata.get("reference_id") != row.reference_id:
        return price  # moved since: all of it is sent again, our marks with it
    sent = run.sent if run else None
    known = (row.requested | {"revision": row.revision}, sent, row.applied, content.opened_with(row.opening))
    shown = content.held_by(snapshot)
    held = next((each for each in known if each and str(each.get("revision")) == revision), shown)
    if row.check_at is not None:  # a late request may have set what this one does not speak of
        held = held | {name: shown[name] for name in content.FIELDS if held.get(name) is None}
    return held | price


async def _settle(door: Door, row: PaymentIntent) -> None:
    """Hold what was received against what the reference owes, and look for another payment of the same."""
    owed = row.requested["amount"] if row.capture_amount is None else row.capture_amount
    price = {"amount": row.amount, "currency": row.currency}  # a capture takes a part of what was asked for
    if row.amount_received != owed or not content.same_price(price, row.requested):
        flag(door, row, AMOUNT_MISMATCH)
    if door.reference.next_generation > FIRST_GENERATION + 1:
        await door.session.flush()  # so that what this transaction did to the others is seen
        if await repository.has_other_success(door.session, row):
            flag(door, row, DUPLICATE_PAYMENT)


def flag(door: Door, row: PaymentIntent, flag: str) -> None:
    if flag not in row.flags:
        row.flags = [*row.flags, flag]
        door.append(row, "payment_intent.flagged", flag=flag)
