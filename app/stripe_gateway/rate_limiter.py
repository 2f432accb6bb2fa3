"""A share of Stripe's rate limit, so that work in the background leaves the rest to shoppers."""

import asyncio
import time


class RateLimiter:
    """So many turns a second, evenly; who comes too early waits in line, and who leaves the line takes no turn."""

    def __init__(self, per_second: int) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = asyncio.Lock()

    async def acquire(self) -> None:
        async with self._lock:
            await asyncio.sleep(self._next - time.monotonic())
            self._next = time.monotonic() + self._interval
