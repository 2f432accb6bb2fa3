"""Cancel a PaymentIntent: that is committed as desired, then Stripe is brought to it; cancelled already is done."""

from app.auth.person import Requester
from app.payment_intents import closing, repository, service
from app.payment_intents.convergence import converge
from app.payment_intents.errors import AlreadyPaid, PaymentInProgress
from app.payment_intents.protocol.commands import Cancel
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import CancelRequest
from app.payment_intents.service import PaymentIntentView, actor_of
from app.resources import Resources


async def cancel(
    resources: Resources, reference: Reference, params: CancelRequest, caller: Requester
) -> PaymentIntentView:
    """Cancel the PaymentIntent, so that nobody can pay it; the next PUT opens another.

    Raises PaymentIntentNotFound, AlreadyPaid, PaymentInProgress, or Unavailable (the request stands).
    """
    target_id = await service.named(resources, reference, params.payment_intent)
    await converge(resources, reference, Cancel(target_id, params.reason), actor_of(caller))
    row = await repository.get(resources.database, target_id)
    if row.is_watched:  # closed here, and somebody may pay it at Stripe
        row = await closing.cancel(resources, target_id, actor_of(caller), params.reason)
    if row.status == "succeeded":
        raise AlreadyPaid("It is paid; refund it instead.")
    if row.closed_at is None or row.is_watched:
        raise PaymentInProgress
    return await service.view(resources, row)
