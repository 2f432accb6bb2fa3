"""`/v1/{carts|sessions}/{id}/payment-intent` and its attempts."""

from fastapi import APIRouter, Response

from app.attempts.schemas import AttemptPage
from app.auth.dependencies import PaymentsRead, PaymentsWrite
from app.errors import (
    AlreadyPaid,
    BodyTooLarge,
    CartVersionConflict,
    ClientSecretUnavailable,
    InvalidCursor,
    MalformedJson,
    Moved,
    NotConverged,
    PaymentInProgress,
    PaymentIntentNotFound,
    PreviousPaymentIntentMismatch,
    StaleCartVersion,
    StripeMisconfigured,
    StripeRefused,
    StripeUnavailable,
)
from app.pages import PageQuery
from app.payment_intents import service
from app.payment_intents.schemas import (
    ClientSecretRead,
    PaymentIntentPut,
    PaymentIntentPutRead,
    PaymentIntentRead,
)
from app.problems import AUTHENTICATED, documented
from app.references.path import ReferencePath
from app.resources import ResourcesDependency

router = APIRouter(prefix="/v1/{kind}/{reference_id:segment}", tags=["PaymentIntents"])


@router.put(
    "/payment-intent",
    status_code=200,
    summary="Create or update the PaymentIntent",
    responses={
        201: {"model": PaymentIntentPutRead, "description": "A new PaymentIntent was created at Stripe."},
        **documented(
            *AUTHENTICATED,
            BodyTooLarge,
            MalformedJson,
            AlreadyPaid,
            CartVersionConflict,
            Moved,
            PaymentInProgress,
            PreviousPaymentIntentMismatch,
            StaleCartVersion,
            StripeRefused,
            NotConverged,
            StripeMisconfigured,
            StripeUnavailable,
        ),
    },
)
async def put_payment_intent(
    reference: ReferencePath,
    params: PaymentIntentPut,
    caller: PaymentsWrite,
    resources: ResourcesDependency,
    response: Response,
) -> PaymentIntentPutRead:
    """State what the cart or session owes now. Sending it again, at any time and from anywhere, is safe.

    The first one creates the PaymentIntent (201), later ones update it in place (200): there is never a second
    one to pay. On a 503 nothing is known to have failed; send the same request again.
    """
    answer = await service.put(resources, reference, params, caller)
    response.status_code = 201 if answer.is_created else 200
    response.headers["Cache-Control"] = "no-store"
    return PaymentIntentPutRead.of(answer.row, answer.attempts, client_secret=answer.client_secret)


@router.get(
    "/payment-intent",
    summary="Read the PaymentIntent",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound),
)
async def get_payment_intent(
    reference: ReferencePath, _: PaymentsRead, resources: ResourcesDependency
) -> PaymentIntentRead:
    """Read the state of the newest PaymentIntent, as webhooks and answers have told it."""
    answer = await service.read(resources, reference)
    return PaymentIntentRead.of(answer.row, answer.attempts)


@router.get(
    "/payment-intent/client-secret",
    summary="Fetch the client secret",
    responses=documented(
        *AUTHENTICATED,
        PaymentIntentNotFound,
        ClientSecretUnavailable,
        NotConverged,
        StripeMisconfigured,
        StripeUnavailable,
    ),
)
async def get_client_secret(
    reference: ReferencePath, _: PaymentsWrite, resources: ResourcesDependency, response: Response
) -> ClientSecretRead:
    """Fetch what the shopper's browser needs for `stripe.confirmCardPayment`; never store or log it."""
    response.headers["Cache-Control"] = "no-store"
    return ClientSecretRead(client_secret=await service.client_secret(resources, reference))


@router.get(
    "/attempts",
    summary="List the attempts to pay",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound, InvalidCursor),
)
async def list_attempts(
    reference: ReferencePath, page: PageQuery, _: PaymentsRead, resources: ResourcesDependency
) -> AttemptPage:
    """List every attempt on all PaymentIntents that this cart or session ever had, newest first."""
    return await service.list_attempts(resources, reference, page)
