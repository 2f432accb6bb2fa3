"""Wait for new events: one query of each process at a time asks for all who wait.

PostgreSQL's NOTIFY would say it too, but a transaction that notifies takes a lock at its commit that all of them share:
one payment would be committed after the other.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from app.db.engine import Database, Record
from app.db.errors import DatabaseUnavailable
from app.domain_events.feed import Position, Selection, newest, read_page
from app.http.errors import Overloaded

POLL_SECONDS = 0.1
BATCH = 1_000
MAX_WAITING = 1_000  # of one process


@dataclass(eq=False, slots=True)
class Watch:
    """Somebody who waits for events; `found` is set when there may be one."""

    selection: Selection
    found: asyncio.Event = field(default_factory=asyncio.Event)


class EventWatcher:
    """Polls only while somebody waits. Bound to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: set[Watch] = set()
        self._poller: asyncio.Task[None] | None = None
        self._position: Position | None = None
        self._is_stopped = False

    @asynccontextmanager
    async def watch(self, selection: Selection) -> AsyncIterator[Watch]:
        """Notice every event of a selection from now on. Raises Overloaded."""
        if len(self._watches) >= MAX_WAITING:
            raise Overloaded
        watch = Watch(selection)
        if self._is_stopped:
            watch.found.set()
        self._watches.add(watch)
        if self._poller is None or self._poller.done():
            self._position = None  # which wakes all once it is known
            self._poller = asyncio.create_task(self._poll_while_watched())
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    @property
    def is_stopped(self) -> bool:
        """Whether this process ends: nobody waits any longer."""
        return self._is_stopped

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._is_stopped = True
        self._wake(None)

    async def aclose(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller

    async def _poll_while_watched(self) -> None:
        while self._watches:
            try:
                await self._poll()
            except DatabaseUnavailable:
                self._position = None  # all look again once it is back
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> None:
        if self._position is None:
            last = await newest(self._database)
            self._position = Position(0, 0) if last is None else Position(last["xid"], last["id"])
            self._wake(None)
            return
        page = await read_page(self._database, self._position, limit=BATCH)
        if page.last is not None:
            self._position = Position(page.last["xid"], page.last["id"])
            self._wake(page.events)

    def _wake(self, events: Sequence[Record] | None) -> None:
        for watch in self._watches:
            if events is None or any(watch.selection.includes(event) for event in events):
                watch.found.set()
