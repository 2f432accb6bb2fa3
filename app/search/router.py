"""`/v1/search`."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.auth.dependencies import PaymentsRead
from app.http.answers import encode
from app.http.errors import InvalidCursor
from app.http.pagination import PageQuery
from app.http.problems import AUTHENTICATED, documented
from app.payment_intents.requests import TEXT
from app.resources import ResourcesDependency
from app.search import service
from app.search.errors import EmailSearchDisabled, SearchNotUnderstood
from app.search.schemas import SearchRead

router = APIRouter(prefix="/v1/search", tags=["PaymentIntents"])


@router.get(
    "",
    response_model=SearchRead,
    summary="Find payments as a person would",
    responses=documented(*AUTHENTICATED, InvalidCursor, SearchNotUnderstood, EmailSearchDisabled),
)
async def search_payments(
    _: PaymentsRead,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            pattern=TEXT,
            description="Ids of ours and of Stripe's (`pi_ ch_ re_ dp_ du_ req_ evt_`), a cart's or session's id or "
            "its beginning, an e-mail address, the last four digits of a card, an amount (`24.99`, `~25`, `25 eur`), a "
            "day (`today`, `yesterday`, `friday`, `2026-11-26`, `26.11.2026`; in UTC).",
            examples=["4242 24.99 yesterday"],
        ),
    ],
    page: PageQuery,
    resources: ResourcesDependency,
) -> Response:
    """Find the payments that fit all that `q` says; `understood` tells what each part of it was taken for."""
    return encode(await service.search(resources, q, page))
