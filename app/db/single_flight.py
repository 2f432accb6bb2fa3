"""Single flight: within this process, one request at a time works on a thing, and the others reuse what it found.

A crowd at one cart must not take the pool of connections: one request for each reference opens a statement, and one
that waits for another process polls for all of them.
"""

import asyncio
from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary


class Flight:
    """One thing. Who holds `admission` reads and writes it, who holds `polling` looks whether it is free.

    `last_result` is what the last poll, which began at `polled_at` (monotonic seconds), found finished.
    """

    def __init__(self) -> None:
        self.admission = asyncio.Lock()
        self.polling = asyncio.Lock()
        self.polled_at = 0.0
        self.last_result: Any = None


class SingleFlight:
    """A flight for each thing, as long as somebody needs it. Bound to one event loop."""

    def __init__(self) -> None:
        self._flights: WeakValueDictionary[Hashable, Flight] = WeakValueDictionary()

    def of(self, thing: Hashable) -> Flight:
        if (flight := self._flights.get(thing)) is None:
            flight = self._flights[thing] = Flight()
        return flight
