"""Take turns within this process: of all that wait for one thing, one looks whether it is free."""

import asyncio
from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary


class Turn:
    """Who holds the lock looks. `settled` is what the last one, who began to look at `looked_at`, found done."""

    def __init__(self) -> None:
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
