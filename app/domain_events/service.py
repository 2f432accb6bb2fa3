"""Read the feed for a caller: from a cursor on, now or as soon as there is an event."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

from app.domain_events.cursor import FeedCursor
from app.domain_events.errors import UnknownEventType
from app.domain_events.feed import START, FeedPage, Position, Selection, newest, read_page
from app.domain_events.installation import read_installation
from app.domain_events.schemas import EVENT_MODELS, EventPage, event_of
from app.domain_events.watching import EventWatcher
from app.resources import Resources

LATEST = "latest"

# Ends when the caller closes the connection.
HasLeft = Callable[[], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """What a caller asks for. `after` is a cursor, `latest`, or None for the beginning."""

    after: str | None
    limit: int
    selection: Selection
    wait_seconds: float = 0


def types_named(text: str) -> frozenset[str]:
    """Return the types that `payment.succeeded,refund.*` names. Raises UnknownEventType."""
    found: set[str] = set()
    for name in text.split(","):
        group = name.removesuffix("*") if name.endswith(".*") or name == "*" else None
        named = {each for each in EVENT_MODELS if each == name or (group is not None and each.startswith(group))}
        if not named:
            raise UnknownEventType(known_types=list(EVENT_MODELS))
        found |= named
    return frozenset(found)


async def read(resources: Resources, watcher: EventWatcher, query: FeedQuery, has_left: HasLeft) -> EventPage:
    """Return the events behind the cursor; with `wait_seconds`, wait so long for one if there is none.

    It ends early when the caller has left. Raises InvalidCursor, UnknownCursor, ExpiredCursor, FeedNotMigrated,
    Overloaded or DatabaseUnavailable.
    """
    if query.wait_seconds <= 0:
        return await _read(resources, query)
    deadline = asyncio.get_running_loop().time() + query.wait_seconds
    async with watcher.watch(query.selection) as watch:
        gone = asyncio.create_task(has_left())
        try:
            while True:
                watch.found.clear()
                page = await _read(resources, query)
                seconds = deadline - asyncio.get_running_loop().time()
                if page.data or not page.is_caught_up or seconds <= 0 or watcher.is_stopped or gone.done():
                    return page
                query = replace(query, after=page.next_cursor)  # `latest` means what it meant at first
                found = asyncio.create_task(watch.found.wait())
                await asyncio.wait({found, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                found.cancel()
        finally:
            gone.cancel()


async def _read(resources: Resources, query: FeedQuery) -> EventPage:
    async with resources.database.connection() as connection:
        installation = await read_installation(connection)
        if query.after == LATEST:
            return EventPage.of([], FeedCursor.at(installation, await newest(connection)), is_caught_up=True)
        cursor = FeedCursor(installation, 0, 0) if query.after is None else FeedCursor.decode(query.after)
        position: Position = START if query.after is None else await cursor.locate(connection, installation)
        page: FeedPage = await read_page(connection, position, limit=query.limit, selection=query.selection)
    following = cursor if page.last is None else FeedCursor.at(installation, page.last)
    return EventPage.of([event_of(each) for each in page.events], following, is_caught_up=page.is_caught_up)
