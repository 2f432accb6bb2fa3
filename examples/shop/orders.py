"""What the shop knows of its orders by notifications. A real shop keeps this in its database; here it is in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

MAX_REMEMBERED = 10_000

State = Literal["to_pay", "waiting", "paid"]

# A debit that failed and a voucher that expired are attempts that failed. Of other events the state stays as it is.
STATES: dict[str, State] = {
    "payment.action_required": "waiting",
    "payment.processing": "waiting",
    "payment.succeeded": "paid",
    "payment.canceled": "to_pay",
    "attempt.failed": "to_pay",
}


@dataclass(frozen=True)
class Order:
    state: State = "to_pay"
    shipped_at: datetime | None = None
    sequence: int = 0
    """Of the newest event about it."""


class Orders:
    """How each order stands, and which notifications were taken."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, None] = OrderedDict()
        self._orders: OrderedDict[str, Order] = OrderedDict()
        self._watching: dict[str, set[asyncio.Event]] = {}

    def take(self, event_id: str, event_type: str, cart_id: str, sequence: int) -> bool:
        """Take a notification, once; ship what is paid, once. Return whether it is new."""
        if event_id in self._taken:
            return False
        self._taken[event_id] = None
        self._orders[cart_id] = _after(self.get(cart_id), event_type, sequence)
        for each in (self._taken, self._orders):
            while len(each) > MAX_REMEMBERED:
                each.popitem(last=False)
        for watch in self._watching.get(cart_id, ()):
            watch.set()
        return True

    def get(self, cart_id: str) -> Order:
        return self._orders.get(cart_id, Order())

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


def _after(order: Order, event_type: str, sequence: int) -> Order:
    """Return the order after an event. One that comes late changes nothing, and nothing changes what is paid."""
    if order.state == "paid" or (sequence < order.sequence and event_type != "payment.succeeded"):
        return order
    state = STATES.get(event_type, order.state)
    shipped_at = datetime.now(UTC) if state == "paid" else None
    return replace(order, state=state, shipped_at=shipped_at, sequence=max(sequence, order.sequence))
