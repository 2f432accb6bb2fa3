"""Limit the background's calls to a share of Stripe's rate limit: shoppers need the rest."""

import asyncio
import time


class RateLimiter:
    """At most `per_second` calls a second, evenly spaced. A call cancelled while it waits does not count."""

    def __init__(self, per_second: int) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._turn = asyncio.Lock()
        self._unhurried = asyncio.Lock()

    async def acquire(self, *, is_unhurried: bool = False) -> None:
        """Wait until the next call may be made. Of unhurried ones, one at a time stands in line with all others."""
        if is_unhurried:
            async with self._unhurried:
                await self.acquire()
            return
        async with self._turn:
            await asyncio.sleep(self._next - time.monotonic())
            self._next = time.monotonic() + self._interval
