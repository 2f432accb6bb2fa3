"""`/v1/{carts|sessions}/{id}/timeline`."""

from fastapi import APIRouter, Response

from app.auth.dependencies import PaymentsRead
from app.http.answers import encode
from app.http.errors import InvalidCursor
from app.http.pagination import PageQuery
from app.http.problems import AUTHENTICATED, documented
from app.payment_intents.errors import PaymentIntentNotFound
from app.references.path import ReferencePath
from app.resources import ResourcesDependency
from app.timeline import service
from app.timeline.schemas import TimelinePage

router = APIRouter(prefix="/v1/{kind}/{reference_id:segment}/timeline", tags=["PaymentIntents"])


@router.get(
    "",
    response_model=TimelinePage,
    summary="Read the timeline",
    responses=documented(*AUTHENTICATED, PaymentIntentNotFound, InvalidCursor),
)
async def read_timeline(
    _: PaymentsRead, reference: ReferencePath, page: PageQuery, resources: ResourcesDependency
) -> Response:
    """Read what happened to a cart or session over all its PaymentIntents, oldest first, in words for people."""
    return encode(await service.read(resources, reference, page))
