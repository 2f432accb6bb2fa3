"""Take turns within this process, so that a crowd at one thing does not take the pool of connections.

Of all that come to it, one at a time asks the database for it; of all that wait for it, one at a time looks.
"""

import asyncio
from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary


class Turn:
    """Who holds `entry` comes in, who holds `lock` looks.

    `settled` is what the last one, who began to look at `looked_at`, found done.
    """

    def __init__(self) -> None:
        self.entry = asyncio.Lock()
        self.lock = asyncio.Lock()
        self.looked_at = 0.0
        self.settled: Any = None


class Turns:
    """A turn for each thing that is waited for, as long as somebody waits. Bound to one event loop."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[Hashable, Turn] = WeakValueDictionary()

    def of(self, thing: Hashable) -> Turn:
        if (turn := self._turns.get(thing)) is None:
            turn = self._turns[thing] = Turn()
        return turn
