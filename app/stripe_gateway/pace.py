"""A share of Stripe's rate limit, so that work in the background leaves the rest to shoppers."""

import asyncio
import time


class Pace:
    """So many turns a second, evenly; who comes too early waits."""

    def __init__(self, per_second: int) -> None:
        self._interval = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + self._interval
        await asyncio.sleep(mine - now)
