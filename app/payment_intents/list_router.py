"""`/v1/payment-intents`: all of them, whatever they are for."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.auth.dependencies import PaymentsRead
from app.http.answers import encode
from app.http.errors import InvalidCursor
from app.http.pagination import PageQuery
from app.http.problems import AUTHENTICATED, documented
from app.http.rules import rule
from app.payment_intents import service
from app.payment_intents.errors import PaymentIntentNotFound
from app.payment_intents.list_query import PaymentIntentFilters
from app.payment_intents.requests import UUID
from app.payment_intents.schemas import PaymentIntentPage, PaymentIntentRead
from app.resources import ResourcesDependency

router = APIRouter(prefix="/v1/payment-intents", tags=["PaymentIntents"])

AnyPaymentIntentName = Annotated[
    str,
    Path(
        pattern=rule(
            rf"^({UUID}|(pi|ch|py)_[A-Za-z0-9_]{{1,250}})$", "an id of a PaymentIntent or a Charge, ours or Stripe's"
        ),
        description="The PaymentIntent by our id, by Stripe's, or by that of one of its Charges.",
        examples=["pi_3TmX5aLkdIwHu7ix0pZ1Qm2R"],
    ),
]


@router.get(
    "",
    response_model=PaymentIntentPage,
    summary="List PaymentIntents",
    responses=documented(*AUTHENTICATED, InvalidCursor),
)
async def list_payment_intents(
    _: PaymentsRead,
    query: Annotated[PaymentIntentFilters, Query()],
    page: PageQuery,
    resources: ResourcesDependency,
) -> Response:
    """List the PaymentIntents of all carts and sessions that fit every filter, newest first.

    What is written meanwhile neither hides nor repeats one that was there when the first page was read.
    """
    return encode(await service.list_payment_intents(resources, query.filters(), page))


@router.get(
    "/{payment_intent}",
    summary="Read any PaymentIntent",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound),
)
async def find_payment_intent(
    payment_intent: AnyPaymentIntentName, _: PaymentsRead, resources: ResourcesDependency
) -> PaymentIntentRead:
    """Read a PaymentIntent of any generation: a refund, a flag or a late success of an old one is visible there."""
    return await service.find_payment_intent(resources, payment_intent)
