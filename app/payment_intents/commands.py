"""Cancel and capture: a wish is committed under the lock, then Stripe is brought to it; done already is done."""

import uuid
from functools import partial

from app.auth.api_keys import Caller
from app.payment_intents import repository, service
from app.payment_intents.convergence import converge
from app.payment_intents.errors import (
    AlreadyPaid,
    CaptureExceedsAuthorization,
    NotCapturable,
    PaymentInProgress,
    PaymentIntentNotFound,
)
from app.payment_intents.models import PaymentIntent
from app.payment_intents.protocol import Run
from app.payment_intents.recording import Door
from app.payment_intents.schemas import CancelRequest, CaptureRequest, PaymentIntentName
from app.payment_intents.service import Answer, actor_of
from app.references.models import Reference
from app.resources import Resources


async def cancel(resources: Resources, reference: Reference, params: CancelRequest, caller: Caller) -> Answer:
    """Cancel the PaymentIntent, so that nobody can pay it; the next PUT opens another.

    Raises PaymentIntentNotFound, AlreadyPaid, PaymentInProgress, or Unavailable (the wish stands).
    """
    meant = await _meant(resources, reference, params.payment_intent)
    await converge(resources, reference, Run(actor_of(caller)), partial(_close, meant=meant, params=params))
    row = await _reread(resources, meant)
    if row.status == "succeeded":
        raise AlreadyPaid("It is paid; refund it instead.")
    if row.closed_at is None:
        raise PaymentInProgress
    return await service.answer(resources, row)


async def _close(
    door: Door, row: PaymentIntent | None, *, meant: uuid.UUID, params: CancelRequest
) -> tuple[PaymentIntent, bool]:
    if row is None:
        raise PaymentIntentNotFound
    if row.id != meant or not row.is_open:
        return row, False
    if not row.is_closing:
        row.is_closing, row.closing_reason = True, params.reason
        door.append(row, "payment_intent.cancel_requested", reason=params.reason)
    return row, True


async def capture(resources: Resources, reference: Reference, params: CaptureRequest, caller: Caller) -> Answer:
    """Take the money that is held, all of it or `amount`; the rest is released.

    Stripe is asked first when it is not known here that money is held: its webhook may be on its way.
    Raises PaymentIntentNotFound, AlreadyPaid, NotCapturable, CaptureExceedsAuthorization, PaymentInProgress when
    another amount is being captured, StripeRefused, or Unavailable (the wish stands).
    """
    meant = await _meant(resources, reference, params.payment_intent)
    row = await _reread(resources, meant)
    if row.is_open and (row.status != "requires_capture" or row.needs_sync):
        await converge(resources, reference, Run(actor_of(caller)), service.ask)
    await converge(resources, reference, Run(actor_of(caller)), partial(_capture, meant=meant, params=params))
    row = await _reread(resources, meant)
    if row.status not in {"succeeded", "processing"}:
        raise NotCapturable
    if row.status == "succeeded" and params.amount not in (None, row.amount_received):
        raise AlreadyPaid
    return await service.answer(resources, row)


async def _capture(
    door: Door, row: PaymentIntent | None, *, meant: uuid.UUID, params: CaptureRequest
) -> tuple[PaymentIntent, bool]:
    if row is None:
        raise PaymentIntentNotFound
    if row.id != meant or row.status != "requires_capture":
        return row, False
    amount = params.amount or row.amount_capturable
    if row.capture_amount not in (None, amount):
        raise PaymentInProgress
    if amount > row.amount_capturable:
        raise CaptureExceedsAuthorization(amount_capturable=row.amount_capturable)
    if row.capture_amount is None:
        row.capture_amount = amount
        door.append(row, "payment_intent.capture_requested", amount=amount)
    return row, True


async def _meant(resources: Resources, reference: Reference, name: PaymentIntentName | None) -> uuid.UUID:
    """Find the PaymentIntent that the caller names, by our id or Stripe's, or else the newest."""
    async with resources.sessions() as session:
        row = await service.newest(session, reference)
        named = row if name is None else await repository.find_named(session, reference, name)
    if named is None:
        raise PaymentIntentNotFound
    return named.id


async def _reread(resources: Resources, payment_intent_id: uuid.UUID) -> PaymentIntent:
    async with resources.sessions() as session:
        return await repository.get(session, payment_intent_id)
