"""`/v1/disputes`."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.dependencies import PaymentsRead
from app.disputes import repository
from app.disputes.errors import DisputeNotFound
from app.disputes.schemas import DisputeName, DisputePage, DisputeRead
from app.http.errors import InvalidCursor
from app.http.pagination import Cursor, PageQuery
from app.http.problems import AUTHENTICATED, documented
from app.http.rules import rule
from app.references.path import ReferenceName, reference_named
from app.resources import ResourcesDependency

router = APIRouter(prefix="/v1/disputes", tags=["Disputes"])

StatusQuery = Annotated[
    str | None,
    Query(
        pattern=rule("^[a-z_]{1,40}$", "a word in lower case, with underscores"),
        description="Stripe's status.",
        examples=["needs_response"],
    ),
]


@router.get("", summary="List disputes", responses=documented(*AUTHENTICATED, InvalidCursor))
async def list_disputes(
    _: PaymentsRead,
    page: PageQuery,
    resources: ResourcesDependency,
    status: StatusQuery = None,
    reference: Annotated[ReferenceName | None, Query()] = None,
) -> DisputePage:
    """List the disputes of all carts and sessions that fit every filter, newest first."""
    of = reference_named(reference) if reference else None
    rows = await repository.list_disputes(resources.database, status, of, page)
    data, following = rows[: page.limit], rows[page.limit :]
    return DisputePage(
        data=[DisputeRead.of(*row) for row in data],
        next_cursor=Cursor(data[-1][0].opened_at, data[-1][0].id).encode() if following else None,
    )


@router.get("/{dispute}", summary="Read a dispute", responses=documented(*AUTHENTICATED, DisputeNotFound))
async def get_dispute(dispute: DisputeName, _: PaymentsRead, resources: ResourcesDependency) -> DisputeRead:
    """Read a dispute as Stripe reported it last."""
    found = await repository.find_with_reference(resources.database, dispute)
    if found is None:
        raise DisputeNotFound
    return DisputeRead.of(*found)
