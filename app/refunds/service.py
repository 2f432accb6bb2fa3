"""What callers ask of refunds. Nothing is open while Stripe works."""

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import datetime

from app.auth.person import Requester
from app.db import queue
from app.errors import Unavailable
from app.http.pagination import Cursor, Page
from app.payment_intents import repository as payment_intents
from app.payment_intents.convergence import RACE_PAUSE, context_at, converge
from app.payment_intents.errors import PaymentIntentNotFound, SyncPending
from app.payment_intents.protocol.commands import Refresh
from app.payment_intents.protocol.state import Actor, Change, PaymentIntentState, ReferenceState
from app.payment_intents.protocol.terms import Reference, StripeMetadata
from app.payment_intents.service import ASK_AGAIN_AFTER, actor_of
from app.refunds import eligibility, params, recording, repository
from app.refunds.errors import IdempotencyKeyReused, PaymentNotRefundable, RefundNotFound
from app.refunds.refund import REFUSED, Refund, reserved
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
    resources: Resources, reference: Reference, body: RefundCreate, *, key: str, caller: Requester
) -> Refund:
    """Reserve the amount, commit, then refund at Stripe; a status of None says that the outcome is not known yet.

    Raises IdempotencyKeyReused, PaymentIntentNotFound, a Conflict (nothing is reserved then), or StripeRefused (the
    amount is free again).
    """
    fingerprint = params.fingerprint(reference, body.model_dump(mode="json"))
    request = RefundRequest(body, caller.client, key, fingerprint)
    actor = actor_of(caller)
    try:
        refund, is_new = await _reserve(resources, reference, request, actor)
    except PaymentNotRefundable:
        await converge(resources, reference, Refresh(ASK_AGAIN_AFTER), actor)  # its webhook may be on its way
        refund, is_new = await _reserve(resources, reference, request, actor)
    if is_new:
        try:
            refund = await send(resources, refund, actor)
        except Unavailable:
            refund = await _leave_to_a_job(resources, refund)
    return _unless_refused(refund)


async def _reserve(
    resources: Resources, reference: Reference, request: RefundRequest, actor: Actor
) -> tuple[Refund, bool]:
    """Reserve the amount, so that all refunds together never exceed what was received; return whether it is new."""
    deadline = time.monotonic() + resources.settings.converge_deadline.total_seconds()
    async with resources.single_flight.of(reference).admission:
        while time.monotonic() < deadline:
            known = await _find_same(resources, request)
            if known is not None:
                return known, False
            found = await payment_intents.read_generations(resources.database, reference)
            if found is None:
                raise PaymentIntentNotFound
            change = Change(found.state, context_at(resources, found), actor)
            refund = await _decide(resources, change, request)
            if change.is_empty:
                return refund, False
            async with resources.database.connection() as connection:
                if await payment_intents.write(connection, change):
                    return refund, True
            await asyncio.sleep(random.uniform(0, RACE_PAUSE))  # noqa: S311 - no secret
    raise SyncPending


async def _find_same(resources: Resources, request: RefundRequest) -> Refund | None:
    """Return the refund that this key made. Raises IdempotencyKeyReused when it was another request's."""
    refund = await repository.find_by_key(resources.database, request.client, request.key)
    if refund is not None and refund.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return refund


async def _decide(resources: Resources, change: Change, request: RefundRequest) -> Refund:
    state: ReferenceState = change.state
    newest_first = state.payment_intents[::-1]
    row = eligibility.choose(state.moved_to, newest_first, request.params.payment_intent)
    known = await repository.read_of(resources.database, [row.id])
    lost = known.get(str(params.id_of(row.id, request.client, request.key)))
    if lost is not None:
        return lost  # it came back from Stripe after a backup had lost it
    left = max(0, row.amount_received - reserved(known.values()))
    amount = eligibility.amount_of(request.params.amount, left=left)
    # By then the call that follows has ended.
    recheck_after = change.now + resources.settings.lease_duration
    refund = _reserved(change, row, request, amount=amount, recheck_after=recheck_after)
    recording.request(change, row, refund, known)
    return refund


def _reserved(
    change: Change, row: PaymentIntentState, request: RefundRequest, *, amount: int, recheck_after: datetime
) -> Refund:
    assert row.stripe_id is not None, "it was paid at Stripe"  # noqa: S101 - narrows the types
    assert row.currency is not None, "it was paid at Stripe"  # noqa: S101 - narrows the types
    refund_id = params.id_of(row.id, request.client, request.key)
    return Refund(
        id=refund_id,
        payment_intent_id=row.id,
        origin="api",
        amount=amount,
        currency=row.currency,
        reason=request.params.reason,
        created_at=change.now,
        updated_at=change.now,
        create_params=params.create_params(
            refund_id,
            StripeMetadata(change.context.config.instance, row.id, row.reference),
            stripe_id=row.stripe_id,
            amount=amount,
            reason=request.params.reason,
            metadata=request.params.metadata,
        ),
        client=request.client,
        idempotency_key=request.key,
        fingerprint=request.fingerprint,
        recheck_after=recheck_after,
    )


async def _leave_to_a_job(resources: Resources, refund: Refund) -> Refund:
    """Keep the reservation of a refund whose outcome is not known, and have it found out."""
    latest = await repository.get(resources.database, refund.id)
    if latest.status is None:
        async with resources.database.transaction() as connection:
            await queue.enqueue(connection, [queue.job("finish_refund", refund_id=refund.id)])
    return latest


def _unless_refused(refund: Refund) -> Refund:
    """Return the refund, or raise Stripe's own refusal, to who repeats the request too."""
    if refund.status == REFUSED and refund.refusal is not None:
        raise StripeRefused(**refund.refusal, refund_id=str(refund.id))
    return refund


async def read(resources: Resources, name: str) -> RefundRead:
    """Return a refund by our id or Stripe's. Raises RefundNotFound."""
    found = await repository.find_with_reference(resources.database, name)
    if found is None:
        raise RefundNotFound
    return RefundRead.of(*found)


async def list_refunds(resources: Resources, reference: Reference, page: Page) -> RefundPage:
    """List the refunds of all of the reference's PaymentIntents. Raises PaymentIntentNotFound."""
    found = await payment_intents.read_generations(resources.database, reference)
    if found is None or not found.state.payment_intents:
        raise PaymentIntentNotFound
    return await list_all(resources, page, reference=reference)


async def list_all(
    resources: Resources, page: Page, *, status: str | None = None, reference: Reference | None = None
) -> RefundPage:
    """List the refunds that fit all filters."""
    rows = await repository.list_refunds(resources.database, page, status=status, reference=reference)
    data, following = rows[: page.limit], rows[page.limit :]
    return RefundPage(
        data=[RefundRead.of(*row) for row in data],
        next_cursor=Cursor(data[-1][0].created_at, data[-1][0].id).encode() if following else None,
    )
