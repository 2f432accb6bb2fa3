"""Bring events that arrive together into one transaction, without making any of them wait for others to come."""

import asyncio
from collections import deque

from app.resources import Resources
from app.webhooks.ingest import Arrival, Outcome, take_all

# So many events in one transaction: more would hold their references' locks for long, and gain little.
BATCH = 32

Waiting = tuple[Arrival, asyncio.Future[Outcome]]


class Intake:
    """One for a process. While a transaction runs, what arrives waits for the next.

    Two transactions at once were slower: each had fewer events.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._waiting: deque[Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(self, arrival: Arrival) -> Outcome:
        """Take an event in. Raises what `take` does, or the database's errors."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # what was read from the network already comes along
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not await self._take(batch):
                for alone in batch:
                    await self._take([alone], is_last=True)

    async def _take(self, batch: list[Waiting], *, is_last: bool = False) -> bool:
        """Take a batch; what fails is tried again one by one: each fails for itself, and not for a lost connection."""
        try:
            outcomes = await take_all(self._resources, [arrival for arrival, _ in batch])
        except Exception as error:
            if not is_last:
                return False
            outcomes = [error] * len(batch)  # type: ignore[list-item] # handed to the one who waits
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue  # nobody waits any more
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        return True
