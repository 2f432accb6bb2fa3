"""Pages that change while they are looked at: one poller for each process, and server-sent events to browsers.

An event carries no data about payments: it says that something has changed, and the page is fetched again, with the
session's rights. The poller reads the domain events in the order in which they can be read without missing one that was
committed late, and only while somebody looks.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import anyio
from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from app.console.access import Support
from app.console.pages import HEADERS
from app.console.route import ConsoleRoute
from app.db.engine import Database
from app.db.errors import DatabaseUnavailable
from app.http.errors import Overloaded
from app.payment_intents import service as payment_intents
from app.payment_intents.protocol.terms import Reference
from app.resources import ResourcesDependency

router = APIRouter(prefix="/console", route_class=ConsoleRoute, include_in_schema=False)

POLL_SECONDS = 0.5
LEAST_PAUSE_SECONDS = 0.3  # a browser fetches its page at most so often
PING_SECONDS = 20
LOOK_UP_SECONDS = 1.0  # so soon a stream notices that it is to end
MAX_STREAMS = 200  # of one process
BATCH = 500

# Then the browser connects again, and its session is looked at again.
STREAM_SECONDS = 300

_NEWEST = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_READ = """
SELECT xid::text, id, reference_kind, reference_id FROM domain_events
WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id LIMIT $3
"""


@dataclass(eq=False, slots=True)
class Watch:
    """A browser that looks at one cart or session, or at all."""

    reference: Reference | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class LiveChanges:
    """Wakes those that look at what has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: set[Watch] = set()
        self._poller: asyncio.Task[None] | None = None
        self._position: tuple[str, int] | None = None

    @asynccontextmanager
    async def watch(self, reference: Reference | None) -> AsyncIterator[Watch]:
        """Look at a cart or session, or at all. Raises Overloaded."""
        if len(self._watches) >= MAX_STREAMS:
            raise Overloaded
        watch = Watch(reference)
        self._watches.add(watch)
        if self._poller is None or self._poller.done():
            self._position = None
            self._poller = asyncio.create_task(self._poll_while_watched())  # which wakes all once it has begun
        else:
            watch.changed.set()  # what changed between the page and its stream
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def aclose(self) -> None:
        """Stop polling."""
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller

    async def _poll_while_watched(self) -> None:
        while self._watches:
            try:
                await self._poll()
            except DatabaseUnavailable:
                self._position = None  # and all look again once it is back
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> None:
        if self._position is None:
            self._position = (await self._database.fetchval(_NEWEST), 0)
            self._wake(None)
            return
        rows = await self._database.fetch(_READ, *self._position, BATCH)
        if rows:
            self._position = (rows[-1]["xid"], rows[-1]["id"])
            self._wake({(row["reference_kind"], row["reference_id"]) for row in rows})

    def _wake(self, changed: set[tuple[str, str]] | None) -> None:
        for watch in self._watches:
            of = watch.reference
            if of is None or changed is None or (of.kind, of.id) in changed:
                watch.changed.set()


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
    changes: LiveChanges = request.state.live_changes
    stopping = anyio.Event()  # set when the process is asked to stop
    return EventSourceResponse(
        _events(changes, reference, stopping),
        ping=PING_SECONDS,
        headers=HEADERS,
        shutdown_event=stopping,
        shutdown_grace_period=2 * LOOK_UP_SECONDS,
    )


async def _events(
    changes: LiveChanges, reference: Reference | None, stopping: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    ends_at = time.monotonic() + STREAM_SECONDS
    async with changes.watch(reference) as watch:
        while time.monotonic() < ends_at and not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(watch.changed.wait(), LOOK_UP_SECONDS)
                watch.changed.clear()
                yield ServerSentEvent("", event="changed")
                await asyncio.sleep(LEAST_PAUSE_SECONDS)
