"""Pages that change while they are looked at, by server-sent events.

An event carries no data about payments: it says that something has changed, and the page is fetched again, with the
session's rights. What has changed, the feed's watcher knows: one poller for each process, while somebody waits.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated
from uuid import UUID

import anyio
from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from app.console.access import Support
from app.console.pages import HEADERS
from app.console.route import ConsoleRoute
from app.domain_events.feed import Selection
from app.domain_events.watching import EventWatcher
from app.payment_intents import service as payment_intents
from app.payment_intents.protocol.terms import Reference
from app.resources import ResourcesDependency

router = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)

# A browser fetches its page at most so often: that of one payment, and a list of all.
PAGE_PAUSE_SECONDS, LIST_PAUSE_SECONDS = 0.3, 3.0
LOOK_UP_SECONDS = 1.0  # so soon a stream notices that it is to end
PING_SECONDS = 20

# Then the browser connects again, and its session is looked at again.
STREAM_SECONDS = 300


@router.get("/live")
async def stream_changes(
    request: Request,
    _: Support,
    resources: ResourcesDependency,
    payment: Annotated[UUID | None, Query()] = None,
) -> Response:
    """Say whenever a payment's cart or session, or any, has changed."""
    reference = None
    if payment is not None:
        found = await payment_intents.find_payment_intent(resources, str(payment))
        reference = Reference(found.reference.kind, found.reference.id)
    watcher: EventWatcher = request.state.event_watcher
    stopping = anyio.Event()  # set when the process is asked to stop
    return EventSourceResponse(
        _events(watcher, Selection(reference=reference), stopping),
        ping=PING_SECONDS,
        headers=HEADERS,
        shutdown_event=stopping,
        shutdown_grace_period=2 * LOOK_UP_SECONDS,
    )


async def _events(watcher: EventWatcher, selection: Selection, stopping: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    ends_at = time.monotonic() + STREAM_SECONDS
    async with watcher.watch(selection) as watch:
        watch.found.set()  # what happened between the page and its stream
        while time.monotonic() < ends_at and not (stopping.is_set() or watcher.is_stopped):
            with suppress(TimeoutError):
                await asyncio.wait_for(watch.found.wait(), LOOK_UP_SECONDS)
                watch.found.clear()
                yield ServerSentEvent("", event="changed")
                await asyncio.sleep(PAGE_PAUSE_SECONDS if selection.reference else LIST_PAUSE_SECONDS)
