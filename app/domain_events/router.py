"""`/v1/events`: what happened, for other services."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.auth.dependencies import EventsRead
from app.domain_events import service
from app.domain_events.errors import ExpiredCursor, FeedNotMigrated, UnknownCursor, UnknownEventType
from app.domain_events.feed import Selection
from app.domain_events.schemas import EventPage
from app.domain_events.service import FeedQuery
from app.http.answers import encode
from app.http.errors import InvalidCursor, Overloaded
from app.http.problems import AUTHENTICATED, documented
from app.http.rules import rule
from app.references.path import ReferenceName, reference_named
from app.resources import ResourcesDependency

router = APIRouter(prefix="/v1/events", tags=["Events"])

CursorQuery = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The `next_cursor` of the page before; `latest` for new events alone. Left out, the oldest.",
        examples=["MDE5YWIwYzU4YzJmN2QzZTlmMTAzYTUyY2Y5ZjBjMTEuMTAyNC4xNzk1NzkwMDAwMTIzNDU2"],
    ),
]
TypesQuery = Annotated[
    str | None,
    Query(
        max_length=1000,
        pattern=rule(r"^[a-z_.*]+(,[a-z_.*]+)*$", "types of events with commas between them; `refund.*` is a group"),
        description="Only these types, with commas between them; `refund.*` is all of a group.",
        examples=["payment.succeeded,refund.*"],
    ),
]


@router.get(
    "",
    response_model=EventPage,
    summary="Read events",
    responses=documented(
        *AUTHENTICATED, InvalidCursor, UnknownEventType, UnknownCursor, ExpiredCursor, FeedNotMigrated, Overloaded
    ),
)
async def list_events(
    _: EventsRead,
    request: Request,
    resources: ResourcesDependency,
    after: CursorQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    types: TypesQuery = None,
    reference: Annotated[ReferenceName | None, Query()] = None,
    wait: Annotated[float, Query(ge=0, le=30, description="So many seconds, wait for an event if there is none.")] = 0,
) -> Response:
    """Read what happened to payments, oldest first: each event once, and those of each cart in their sequence.

    Keep `next_cursor`, which is always given, and send it as `after`; nothing that is committed late is left out.
    """
    selection = Selection(
        types=service.types_named(types) if types else None,
        reference=reference_named(reference) if reference else None,
    )
    query = FeedQuery(after, limit, selection, wait)

    async def has_left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return encode(await service.read(resources, request.state.event_watcher, query, has_left))
