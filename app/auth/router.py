"""`/v1/{carts|sessions}/{id}/checkout-token`."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.auth.access import AccessDependency
from app.auth.dependencies import PaymentsWrite
from app.http.problems import AUTHENTICATED, documented
from app.references import repository
from app.references.errors import ReferenceNotFound
from app.references.path import ReferencePath
from app.resources import ResourcesDependency

router = APIRouter(prefix="/v1/{kind}/{reference_id:segment}", tags=["Checkout tokens"])


class CheckoutTokenRead(BaseModel):
    """A token for the shopper's browser."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "eyJhbGciOi…", "expires_at": "2026-11-23T09:15:00Z"}]}
    )

    token: str = Field(description="For the browser: `Authorization: Bearer <token>`. Never put it into a URL.")
    expires_at: datetime


@router.post(
    "/checkout-token",
    status_code=201,
    summary="Make a checkout token",
    responses=documented(*AUTHENTICATED, ReferenceNotFound),
)
async def create_checkout_token(
    reference: ReferencePath, _: PaymentsWrite, access: AccessDependency, resources: ResourcesDependency
) -> CheckoutTokenRead:
    """Make a token that lets a browser read the state of this cart or session and fetch its client secret.

    It expires after 15 minutes; make a new one for each page. The cart or session must have had a PaymentIntent.
    """
    if not await repository.exists(resources.database, reference):
        raise ReferenceNotFound
    token, expires_at = access.tokens.issue(reference)
    return CheckoutTokenRead(token=token, expires_at=expires_at)
