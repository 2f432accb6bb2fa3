"""`/v1/{carts|sessions}/{id}/payment-intent` and its attempts."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from app.attempts.schemas import AttemptPage
from app.auth.api_keys import Caller
from app.auth.dependencies import OR_CHECKOUT_TOKEN, PaymentsRead, PaymentsWrite, SecretRead, StateRead
from app.http.answers import encode
from app.http.errors import InvalidCursor
from app.http.pagination import PageQuery
from app.http.problems import AUTHENTICATED, WITH_BODY, documented
from app.payment_intents import service
from app.payment_intents.attach import attach_to_cart
from app.payment_intents.cancel import cancel
from app.payment_intents.capture import capture
from app.payment_intents.checkout_state import CheckoutStateRead, ConfirmRead
from app.payment_intents.confirm import confirm
from app.payment_intents.errors import (
    AlreadyPaid,
    CaptureExceedsAuthorization,
    CartHasPaymentIntent,
    CartVersionConflict,
    ChannelChanged,
    ClientSecretUnavailable,
    Moved,
    NotCapturable,
    NotConfirmable,
    PaymentDeclined,
    PaymentInProgress,
    PaymentIntentNotFound,
    PreviousPaymentIntentMismatch,
    PriceChanged,
    PriceRefused,
    StaleCartVersion,
    SyncPending,
    TooManyFailedAttempts,
)
from app.payment_intents.protocol.commands import PutTerms
from app.payment_intents.requests import (
    CancelRequest,
    CaptureRequest,
    ConfirmRequest,
    MoveRequest,
    PaymentIntentPut,
)
from app.payment_intents.schemas import (
    ClientSecretRead,
    PaymentIntentPage,
    PaymentIntentPutRead,
    PaymentIntentRead,
)
from app.payment_intents.service import PaymentIntentView
from app.references.path import ReferencePath, SessionPath
from app.resources import Resources, ResourcesDependency
from app.stripe_gateway.errors import StripeMisconfigured, StripeRefused, StripeUnavailable

router = APIRouter(
    prefix="/v1/{kind}/{reference_id:segment}",
    tags=["PaymentIntents"],
    generate_unique_id_function=lambda route: route.name,
)


SyncQuery = Annotated[
    bool,
    Query(
        alias="sync",
        description="Retrieve the state from Stripe first, at most once in 2 s. For use after a confirm, when "
        "its webhook has not come yet.",
    ),
]


PUTTING = (
    *AUTHENTICATED,
    *WITH_BODY,
    TooManyFailedAttempts,
    AlreadyPaid,
    CartVersionConflict,
    ChannelChanged,
    Moved,
    PaymentInProgress,
    PreviousPaymentIntentMismatch,
    StaleCartVersion,
    StripeRefused,
    SyncPending,
    StripeMisconfigured,
    StripeUnavailable,
)


@router.put(
    "/payment-intent",
    response_model=PaymentIntentPutRead,
    summary="Create or update the PaymentIntent",
    responses={
        201: {"model": PaymentIntentPutRead, "description": "A new PaymentIntent was created at Stripe."},
        **documented(*PUTTING),
    },
)
async def put_payment_intent(
    reference: ReferencePath,
    params: PaymentIntentPut,
    caller: PaymentsWrite,
    resources: ResourcesDependency,
) -> Response:
    """State what the cart or session owes now. It is safe to send this again at any time and from anywhere.

    The first request creates the PaymentIntent (201), later requests update it (200): there is never a second one to
    pay. After a 503 the outcome is not known yet; send the same request again.
    """
    command = PutTerms(params.terms(), params.previous_payment_intent, params.lifetime)
    found = await service.put(resources, reference, command, caller)
    settings, secret = resources.settings, found.client_secret
    answer = PaymentIntentPutRead.of(found.row, found.attempts, settings, client_secret=secret)
    return encode(answer, status=201 if found.is_created else 200)


@router.get(
    "/payment-intent",
    response_model=PaymentIntentRead | CheckoutStateRead,
    summary="Read the PaymentIntent",
    openapi_extra=OR_CHECKOUT_TOKEN,
    responses=documented(
        *AUTHENTICATED,
        PaymentIntentNotFound,
        Moved,
        SyncPending,
        StripeMisconfigured,
        StripeRefused,
        StripeUnavailable,
    ),
)
async def get_payment_intent(
    reference: ReferencePath, reader: StateRead, resources: ResourcesDependency, is_sync: SyncQuery = False
) -> Response:
    """Read the state of the newest PaymentIntent, as Stripe's webhooks and answers last reported it.

    With a checkout token, the response has only what a shopper may see.
    """
    found = await (service.sync(resources, reference, reader) if is_sync else service.read(resources, reference))
    if not isinstance(reader, Caller):
        return encode(CheckoutStateRead.of(found.row, found.attempts))
    return encode(_state(found, resources))


def _state(answer: PaymentIntentView, resources: Resources) -> PaymentIntentRead:
    return PaymentIntentRead.of(answer.row, answer.attempts, resources.settings)


@router.get(
    "/payment-intent/client-secret",
    response_model=ClientSecretRead,
    summary="Fetch the client secret",
    openapi_extra=OR_CHECKOUT_TOKEN,
    responses=documented(
        *AUTHENTICATED,
        PaymentIntentNotFound,
        ClientSecretUnavailable,
        PriceRefused,
        TooManyFailedAttempts,
        Moved,
        SyncPending,
        StripeMisconfigured,
        StripeUnavailable,
    ),
)
async def get_client_secret(reference: ReferencePath, _: SecretRead, resources: ResourcesDependency) -> Response:
    """Fetch what the shopper's browser needs to pay with Stripe.js, or Stripe's page; never store or log it."""
    row, secret = await service.client_secret(resources, reference)
    return encode(ClientSecretRead.of(row, secret))


CHANGING = (
    *AUTHENTICATED,
    *WITH_BODY,
    PaymentIntentNotFound,
    Moved,
    AlreadyPaid,
    PaymentInProgress,
    SyncPending,
    StripeRefused,
    StripeMisconfigured,
    StripeUnavailable,
)


@router.post("/payment-intent/cancel", summary="Cancel the PaymentIntent", responses=documented(*CHANGING))
async def cancel_payment_intent(
    reference: ReferencePath,
    params: Annotated[CancelRequest, Body(default_factory=CancelRequest)],
    caller: PaymentsWrite,
    resources: ResourcesDependency,
) -> PaymentIntentRead:
    """Cancel it at Stripe, so that nobody can pay it any more; 200 if it is cancelled already.

    The next PUT creates another PaymentIntent.
    """
    return _state(await cancel(resources, reference, params, caller), resources)


@router.post(
    "/payment-intent/confirm",
    response_model=ConfirmRead,
    summary="Confirm at the price that the shopper saw",
    openapi_extra=OR_CHECKOUT_TOKEN,
    responses=documented(
        *AUTHENTICATED,
        *WITH_BODY,
        PaymentIntentNotFound,
        Moved,
        PriceChanged,
        PaymentDeclined,
        NotConfirmable,
        TooManyFailedAttempts,
        SyncPending,
        StripeRefused,
        StripeMisconfigured,
        StripeUnavailable,
    ),
)
async def confirm_payment_intent(
    reference: ReferencePath, params: ConfirmRequest, payer: SecretRead, resources: ResourcesDependency
) -> Response:
    """Attempt to pay with a ConfirmationToken, if exactly this is owed and Stripe holds it; send it again after a 503.

    Nothing can change the price between this check and the payment. Where a page confirms by itself, it can.
    """
    found = await confirm(resources, reference, params, payer)
    shown = CheckoutStateRead.of(found.row, found.attempts)
    secret = found.client_secret if found.row.status == "requires_action" else None
    return encode(ConfirmRead(**shown.model_dump(), client_secret=secret))


@router.post(
    "/payment-intent/capture",
    summary="Capture the authorized amount",
    responses=documented(*CHANGING, NotCapturable, CaptureExceedsAuthorization),
)
async def capture_payment_intent(
    reference: ReferencePath,
    params: Annotated[CaptureRequest, Body(default_factory=CaptureRequest)],
    caller: PaymentsWrite,
    resources: ResourcesDependency,
) -> PaymentIntentRead:
    """Capture all or a part of what a manual `capture_method` authorized; 200 if it is captured already."""
    return _state(await capture(resources, reference, params, caller), resources)


moves = APIRouter(prefix="/v1/sessions/{reference_id:segment}", tags=["PaymentIntents"])


@moves.post(
    "/payment-intent/move",
    summary="Move the PaymentIntent to a cart",
    responses=documented(*CHANGING, CartHasPaymentIntent, StaleCartVersion),
)
async def move_payment_intent(
    reference: SessionPath, params: MoveRequest, caller: PaymentsWrite, resources: ResourcesDependency
) -> PaymentIntentRead:
    """Move the session's PaymentIntent to a cart, when a guest logs in; 200 if it is moved already.

    From then on, requests for the session get 409 `moved`, and the cart has the PaymentIntent and its attempts.
    """
    return _state(await attach_to_cart(resources, reference, params, caller), resources)


@router.get(
    "/payment-intents",
    response_model=PaymentIntentPage,
    summary="List the PaymentIntents of a cart or session",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound, InvalidCursor),
)
async def list_generations(
    _: PaymentsRead, reference: ReferencePath, page: PageQuery, resources: ResourcesDependency
) -> Response:
    """List every PaymentIntent that this cart or session ever had, newest first; at most one of them can be paid."""
    return encode(await service.list_generations(resources, reference, page))


@router.get(
    "/attempts",
    summary="List the attempts to pay",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound, Moved, InvalidCursor),
)
async def list_attempts(
    _: PaymentsRead, reference: ReferencePath, page: PageQuery, resources: ResourcesDependency
) -> AttemptPage:
    """List every attempt on all PaymentIntents that this cart or session ever had, newest first."""
    return await service.list_attempts(resources, reference, page)
