"""`/v1/{carts|sessions}/{id}/refunds` and `/v1/refunds/{id}`."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from app.auth.dependencies import PaymentsRead, RefundsWrite
from app.http.errors import InvalidCursor
from app.http.pagination import PageQuery
from app.http.problems import AUTHENTICATED, WITH_BODY, documented
from app.http.rules import rule
from app.payment_intents.errors import Moved, PaymentIntentNotFound, SyncPending
from app.references.path import ReferenceName, ReferencePath, reference_named
from app.refunds import service
from app.refunds.errors import (
    IdempotencyKeyReused,
    NothingToRefund,
    PaymentIntentAmbiguous,
    PaymentNotCaptured,
    PaymentNotRefundable,
    RefundExceedsPayment,
    RefundNotFound,
)
from app.refunds.schemas import IdempotencyKey, RefundCreate, RefundPage, RefundRead
from app.resources import ResourcesDependency
from app.stripe_gateway.errors import StripeMisconfigured, StripeRefused, StripeUnavailable

router = APIRouter(prefix="/v1", tags=["Refunds"])

StatusQuery = Annotated[
    str | None,
    Query(
        pattern=rule("^[a-z_]{1,40}$", "a word in lower case, with underscores"),
        description="As the refund has it.",
        examples=["succeeded"],
    ),
]

RefundName = Annotated[
    str,
    Path(
        pattern=rule(
            r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(re|pyr)_[A-Za-z0-9_]{1,100})$",
            "an id of a refund, ours or Stripe's",
        ),
        description="Our id of the refund, or Stripe's.",
        examples=["re_3TmX5aLkdIwHu7ix0c9ZrB4e"],
    ),
]


@router.post(
    "/{kind}/{reference_id:segment}/refunds",
    status_code=201,
    summary="Refund a payment",
    responses={
        202: {
            "model": RefundRead,
            "description": "The outcome is not known yet: `status` is null; the amount is reserved.",
        },
        **documented(
            *AUTHENTICATED,
            *WITH_BODY,
            IdempotencyKeyReused,
            PaymentIntentNotFound,
            Moved,
            NothingToRefund,
            PaymentIntentAmbiguous,
            PaymentNotCaptured,
            PaymentNotRefundable,
            RefundExceedsPayment,
            StripeRefused,
            SyncPending,
            StripeMisconfigured,
            StripeUnavailable,
        ),
    },
)
async def create_refund(
    reference: ReferencePath,
    params: Annotated[RefundCreate, Body(default_factory=RefundCreate)],
    key: IdempotencyKey,
    caller: RefundsWrite,
    resources: ResourcesDependency,
    response: Response,
) -> RefundRead:
    """Refund all that is left of what was received, or `amount` of it. Sending it again with the same key is safe.

    Refunds never add up to more than was received, however many are sent at once. After a 202 the service finds out the
    outcome by itself: read the refund, or send the request again with the same key, to see it.
    """
    refund = await service.create_refund(resources, reference, params, key=key, caller=caller)
    response.status_code = 202 if refund.status is None else 201
    return RefundRead.of(refund, reference)


@router.get(
    "/{kind}/{reference_id:segment}/refunds",
    summary="List the refunds",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound, InvalidCursor),
)
async def list_refunds(
    _: PaymentsRead, reference: ReferencePath, page: PageQuery, resources: ResourcesDependency
) -> RefundPage:
    """List every refund of all PaymentIntents that this cart or session ever had, newest first."""
    return await service.list_refunds(resources, reference, page)


@router.get("/refunds", summary="List the refunds of all", responses=documented(*AUTHENTICATED, InvalidCursor))
async def list_all_refunds(
    _: PaymentsRead,
    page: PageQuery,
    resources: ResourcesDependency,
    status: StatusQuery = None,
    reference: Annotated[ReferenceName | None, Query()] = None,
) -> RefundPage:
    """List the refunds of all carts and sessions that fit every filter, newest first."""
    of = reference_named(reference) if reference else None
    return await service.list_all(resources, page, status=status, reference=of)


@router.get(
    "/refunds/{refund}",
    summary="Read a refund",
    responses=documented(*AUTHENTICATED, RefundNotFound),
)
async def get_refund(refund: RefundName, _: PaymentsRead, resources: ResourcesDependency) -> RefundRead:
    """Read the current state of a refund."""
    return await service.read(resources, refund)
