"""What callers ask of refunds. Each owns its transactions; none is open while Stripe works."""

from dataclasses import dataclass

from uuid_utils.compat import uuid7

from app.auth.api_keys import Caller
from app.db import queue
from app.errors import Unavailable
from app.http.pagination import Cursor, Page
from app.payment_intents import recording as payment_intents
from app.payment_intents.content import Marks
from app.payment_intents.errors import PaymentIntentNotFound
from app.payment_intents.models import PaymentIntent
from app.payment_intents.recording import Door
from app.payment_intents.service import actor_of
from app.references.models import Reference
from app.refunds import content, eligibility, recording, repository
from app.refunds.errors import IdempotencyKeyReused, RefundNotFound
from app.refunds.models import REFUSED, Refund
from app.refunds.schemas import RefundCreate, RefundPage, RefundRead
from app.refunds.sending import send
from app.resources import Resources
from app.stripe_gateway.errors import StripeRefused


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """One request for a refund: the client may repeat it under its key, and gets the same refund."""

    params: RefundCreate
    client: str
    key: str
    fingerprint: str


async def create_refund(
    resources: Resources, reference: Reference, params: RefundCreate, *, key: str, caller: Caller
) -> Refund:
    """Reserve the amount, commit, then refund at Stripe; a status of None says that the outcome is not known yet.

    Raises IdempotencyKeyReused, PaymentIntentNotFound, a Conflict (nothing is reserved then), or StripeRefused (the
    amount is free again).
    """
    fingerprint = content.fingerprint(reference, params.model_dump(mode="json"))
    asked = RefundRequest(params, caller.client, key, fingerprint)
    actor = actor_of(caller)
    async with resources.sessions.begin() as session:
        door, _ = await payment_intents.open_door(session, reference, actor, resources.settings.instance)
        row = await _repeated(door, asked)
        is_new = row is None
        row = row or await _reserve(door, asked, resources)
    if is_new:
        try:
            row = await send(resources, row, actor)
        except Unavailable:
            row = await _leave_to_a_job(resources, row)
    return _told(row)


async def _repeated(door: Door, asked: RefundRequest) -> Refund | None:
    """Find the refund that this key made. Raises IdempotencyKeyReused when it was another request's."""
    row = await repository.find_by_key(door.session, asked.client, asked.key)
    if row is not None and row.fingerprint != asked.fingerprint:
        raise IdempotencyKeyReused
    return row


async def _reserve(door: Door, asked: RefundRequest, resources: Resources) -> Refund:
    """Reserve the amount under the lock, so that all refunds together never exceed what was received."""
    generations = await repository.list_payment_intents(door.session, door.reference.name)
    payment_intent = eligibility.choose(door.reference, generations, asked.params.payment_intent)
    reserved = (await repository.totals(door.session, payment_intent.id)).reserved
    amount = eligibility.amount_of(asked.params.amount, left=max(0, payment_intent.amount_received - reserved))
    row = await repository.claim(door.session, _values(door, payment_intent, asked, amount, resources))
    if row is None:  # this very moment the key was used for another cart: this one's are in line with us
        raise IdempotencyKeyReused
    recording.tell(door, payment_intent, row)
    await recording.recount(door, payment_intent)
    return row


def _values(
    door: Door, payment_intent: PaymentIntent, asked: RefundRequest, amount: int, resources: Resources
) -> dict[str, object]:
    refund_id = uuid7()
    marks = Marks(door.instance, payment_intent.id, payment_intent.reference)
    assert payment_intent.stripe_id is not None, "it was paid at Stripe"  # noqa: S101 - narrows the type
    return {
        "id": refund_id,
        "payment_intent_id": payment_intent.id,
        "origin": "api",
        "amount": amount,
        "currency": payment_intent.currency,
        "reason": asked.params.reason,
        "opening": content.opening_parameters(
            refund_id,
            marks,
            stripe_id=payment_intent.stripe_id,
            amount=amount,
            reason=asked.params.reason,
            metadata=asked.params.metadata,
        ),
        "client": asked.client,
        "idempotency_key": asked.key,
        "fingerprint": asked.fingerprint,
        "check_at": door.now + resources.settings.lease_duration,  # by then the call below has ended
        "created_at": door.now,
    }


async def _leave_to_a_job(resources: Resources, row: Refund) -> Refund:
    """Keep the reservation of a refund whose outcome is not known, and have it found out."""
    async with resources.sessions.begin() as session:
        latest = await repository.get(session, row.id)
        if latest.status is None:
            await queue.enqueue(session, "finish_refund", refund_id=row.id)
    return latest


def _told(row: Refund) -> Refund:
    """Give the refund, or tell a refused one with Stripe's own code, to who repeats the request too."""
    if row.status == REFUSED and row.refusal is not None:
        raise StripeRefused(**row.refusal, refund_id=str(row.id))
    return row


async def read(resources: Resources, name: str) -> RefundRead:
    """Give a refund by our id or Stripe's. Raises RefundNotFound."""
    async with resources.sessions() as session:
        found = await repository.find_with_reference(session, name)
    if found is None:
        raise RefundNotFound
    return RefundRead.of(*found)


async def list_refunds(resources: Resources, reference: Reference, page: Page) -> RefundPage:
    """List the refunds of all of the reference's PaymentIntents. Raises PaymentIntentNotFound."""
    async with resources.sessions() as session:
        if not await repository.list_payment_intents(session, reference):
            raise PaymentIntentNotFound
        rows = await repository.list_refunds(session, reference, after=page.after, limit=page.limit + 1)
    data, following = rows[: page.limit], rows[page.limit :]
    return RefundPage(
        data=[RefundRead.of(row, reference) for row in data],
        next_cursor=Cursor(data[-1].created_at, data[-1].id).encode() if following else None,
    )
