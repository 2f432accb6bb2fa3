"""`/v1/{carts|sessions}/{id}/checkout-session`."""

from fastapi import APIRouter, Response

from app.auth.dependencies import PaymentsWrite
from app.checkout_sessions import service
from app.checkout_sessions.errors import CheckoutSessionNotFound
from app.checkout_sessions.schemas import CheckoutSessionPut, CheckoutSessionPutRead
from app.http.answers import encode
from app.http.problems import documented
from app.payment_intents.router import CHANGING, PUTTING
from app.payment_intents.schemas import PaymentIntentRead
from app.references.path import ReferencePath
from app.resources import ResourcesDependency

router = APIRouter(
    prefix="/v1/{kind}/{reference_id:segment}",
    tags=["Checkout Sessions"],
    generate_unique_id_function=lambda route: route.name,
)


@router.put(
    "/checkout-session",
    response_model=CheckoutSessionPutRead,
    summary="Create or update the Checkout Session",
    responses={
        201: {"model": CheckoutSessionPutRead, "description": "A new Checkout Session was created at Stripe."},
        **documented(*PUTTING),
    },
)
async def put_checkout_session(
    reference: ReferencePath, params: CheckoutSessionPut, caller: PaymentsWrite, resources: ResourcesDependency
) -> Response:
    """State what the cart or session owes now, to be paid in a Checkout Session. Send this again at any time.

    There is never a second thing to pay: an open PaymentIntent is cancelled first, and Stripe has confirmed that before
    the session opens. One that is paid meanwhile is answered as such.
    """
    found = await service.put(resources, reference, params, caller)
    return encode(service.answer_of(found, resources), status=201 if found.is_created else 200)


@router.post(
    "/checkout-session/expire",
    summary="Expire the Checkout Session",
    responses=documented(*CHANGING, CheckoutSessionNotFound),
)
async def expire_checkout_session(
    reference: ReferencePath, caller: PaymentsWrite, resources: ResourcesDependency
) -> PaymentIntentRead:
    """End it at Stripe, so that nobody can pay it any more; 200 if it has ended already.

    The next PUT, of either channel, creates what comes next.
    """
    found = await service.expire(resources, reference, caller)
    return PaymentIntentRead.of(found.row, found.attempts, resources.settings)
