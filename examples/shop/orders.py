"""What the shop knows of its orders by notifications. A real shop keeps this in its database; here it is in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

MAX_REMEMBERED = 10_000


class Orders:
    """Which orders were shipped, and which notifications were taken."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, None] = OrderedDict()
        self._shipped: OrderedDict[str, datetime] = OrderedDict()
        self._watching: dict[str, set[asyncio.Event]] = {}

    def take(self, event_id: str, cart_id: str, *, is_paid: bool) -> bool:
        """Take a notification, once; ship what is paid, once. Return whether it is new."""
        if event_id in self._taken:
            return False
        self._taken[event_id] = None
        if is_paid and cart_id not in self._shipped:
            self._shipped[cart_id] = datetime.now(UTC)
        for each in (self._taken, self._shipped):
            while len(each) > MAX_REMEMBERED:
                each.popitem(last=False)
        for watch in self._watching.get(cart_id, ()):
            watch.set()
        return True

    def shipped_at(self, cart_id: str) -> datetime | None:
        return self._shipped.get(cart_id)

    @asynccontextmanager
    async def watch(self, cart_id: str) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever something about the order was taken."""
        watch = asyncio.Event()
        self._watching.setdefault(cart_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watching[cart_id].discard(watch)
            if not self._watching[cart_id]:
                del self._watching[cart_id]
