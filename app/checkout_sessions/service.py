"""What callers ask of a reference's Checkout Session. It is written as a PaymentIntent is, under the same lease."""

from app.auth.api_keys import Caller
from app.auth.person import Requester
from app.checkout_sessions.errors import CheckoutSessionNotFound
from app.checkout_sessions.schemas import CheckoutPutRead, CheckoutSessionPut, CheckoutSessionPutRead
from app.payment_intents import service as payments
from app.payment_intents.cancel import cancel
from app.payment_intents.protocol.checkout import HOSTED
from app.payment_intents.protocol.commands import PutTerms
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.requests import CancelRequest
from app.payment_intents.schemas import CheckoutRead
from app.payment_intents.service import PaymentIntentView
from app.resources import Resources


async def put(
    resources: Resources, reference: Reference, params: CheckoutSessionPut, caller: Caller
) -> PaymentIntentView:
    """Commit what the reference owes now and bring Stripe to it, as `payment_intents.service.put` does."""
    command = PutTerms(params.terms(reference.id), params.previous_payment_intent, params.lifetime)
    return await payments.put(resources, reference, command, caller)


async def expire(resources: Resources, reference: Reference, caller: Requester) -> PaymentIntentView:
    """End the Checkout Session, so that nobody can pay it.

    Raises CheckoutSessionNotFound, AlreadyPaid, PaymentInProgress, or Unavailable (the request stands).
    """
    found = await payments.read(resources, reference)
    if not found.row.is_checkout:
        raise CheckoutSessionNotFound
    return await cancel(resources, reference, CancelRequest(payment_intent=str(found.row.id)), caller)


def answer_of(found: PaymentIntentView, resources: Resources) -> CheckoutSessionPutRead:
    """Return the answer to a PUT. After a payment by the other channel it has no session."""
    checkout = _payable(found.row, found.client_secret)
    return CheckoutSessionPutRead.of(found.row, found.attempts, resources.settings, checkout=checkout)


def _payable(row: PaymentIntentState, secret: str | None) -> CheckoutPutRead | None:
    shown = CheckoutRead.of(row)
    if shown is None:
        return None
    is_hosted = shown.ui_mode == HOSTED
    return CheckoutPutRead(
        **shown.model_dump(), url=secret if is_hosted else None, client_secret=None if is_hosted else secret
    )
