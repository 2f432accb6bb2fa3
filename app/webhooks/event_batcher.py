"""Bring events that arrive together into one read and one write, without making any of them wait for others to come."""

import asyncio
from collections import deque
from collections.abc import Coroutine

from app.resources import Resources
from app.webhooks.ingest import IncomingEvent, Outcome, ingest_all, ingest_alone

# So many events in one statement: more would hold their references' locks for long, and gain little.
BATCH = 32

# While one batch waits for PostgreSQL, the next one is decided.
CONCURRENT_BATCHES = 2

Waiting = tuple[IncomingEvent, asyncio.Future[Outcome]]


class EventBatcher:
    """One for a process. While batches are under way, what arrives waits for the next."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._waiting: deque[Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._under_way: set[str] = set()

    async def ingest(self, incoming: IncomingEvent) -> Outcome:
        """Take an event in. Raises what `ingest` does, or the database's errors."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((incoming, future))
        if self._running < CONCURRENT_BATCHES:
            self._running += 1
            self._start(self._run())
        return await future

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(0)  # what was read from the network already comes along
            while batch := self._next_batch():
                about = {incoming.about for incoming, _ in batch}
                self._under_way |= about
                try:
                    await self._ingest(batch)
                finally:
                    self._under_way -= about
        finally:
            self._running -= 1

    def _next_batch(self) -> list[Waiting]:
        """Take what waits, but for events about what a batch under way is about: one of the two would have to wait."""
        batch: list[Waiting] = []
        later: list[Waiting] = []
        while self._waiting and len(batch) < BATCH:
            waiting = self._waiting.popleft()
            (later if waiting[0].about in self._under_way else batch).append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _ingest(self, batch: list[Waiting]) -> None:
        """Take a batch; what fails, is locked or has changed is taken alone, and holds up no other."""
        try:
            outcomes = await ingest_all(self._resources, [incoming for incoming, _ in batch])
        except Exception:  # each fails for itself, and not for a lost connection
            outcomes = [None] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if outcome is None:
                self._start(self._ingest_alone(waiting))
            else:
                _answer(waiting, outcome)

    async def _ingest_alone(self, waiting: Waiting) -> None:
        try:
            _answer(waiting, await ingest_alone(self._resources, waiting[0]))
        except Exception as error:
            _answer(waiting, error)


def _answer(waiting: Waiting, outcome: Outcome | Exception) -> None:
    _, future = waiting
    if future.done():
        return  # nobody waits any more
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
