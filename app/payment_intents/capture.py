"""Capture held money: that is committed as desired, then Stripe is brought to it; captured already is done."""

from app.auth.person import Requester
from app.payment_intents import repository, service
from app.payment_intents.convergence import converge
from app.payment_intents.errors import AlreadyPaid, NotCapturable
from app.payment_intents.protocol.commands import Capture, Refresh
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import CaptureRequest
from app.payment_intents.service import PaymentIntentView, actor_of
from app.resources import Resources


async def capture(
    resources: Resources, reference: Reference, params: CaptureRequest, caller: Requester
) -> PaymentIntentView:
    """Take the money that is held, all of it or `amount`; the rest is released.

    Stripe is asked first when it is not known here that money is held: its webhook may be on its way.
    Raises PaymentIntentNotFound, AlreadyPaid, NotCapturable, CaptureExceedsAuthorization, PaymentInProgress when
    another amount is being captured, StripeRefused, or Unavailable (the request stands).
    """
    target_id = await service.named(resources, reference, params.payment_intent)
    row = await repository.get(resources.database, target_id)
    if row.is_open and (row.status != "requires_capture" or row.needs_refresh):
        await converge(resources, reference, Refresh(), actor_of(caller))
    await converge(resources, reference, Capture(target_id, params.amount), actor_of(caller))
    row = await repository.get(resources.database, target_id)
    if row.status not in {"succeeded", "processing"}:
        raise NotCapturable
    if row.status == "succeeded" and params.amount not in (None, row.amount_received):
        raise AlreadyPaid
    return await service.view(resources, row)
