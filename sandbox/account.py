"""The Stripe account that the sandbox simulates: its objects, its clock, and the sandbox's notes on them.

All work on it is synchronous, so a request is one step that nothing interrupts, and one commit.
"""

import heapq
from dataclasses import dataclass
from typing import Any

from sandbox.clock import Clock
from sandbox.config import SandboxConfig
from sandbox.ids import Ids
from sandbox.store import JsonObject, Store
from sandbox.webhooks.mode import DeliveryMode


@dataclass(frozen=True)
class Cause:
    """The API request that makes what happens now happen; an Event names it."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Account:
    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.store = Store(config.state, config.keep)
        self.base_url = ""
        self.begin()

    def begin(self) -> None:
        """Set up what is not an object, from the store."""
        self.clock = Clock(self.config.frozen_at)
        self.ids = Ids(self.config.seed)
        self.cause = Cause()
        self.timers = _Timers(self)
        self.new_deliveries: list[str] = []
        self.restricted_keys: dict[str, frozenset[str]] = {}
        self.deliveries = DeliveryMode()
        meta = self.store.get("meta", "meta") or {}
        self.clock.offset = meta.get("offset", 0.0)
        self.ids.counters = dict(meta.get("counters", {}))

    def forget(self) -> None:
        self.store.clear()
        self.begin()

    def commit(self) -> None:
        meta = {"offset": self.clock.offset, "counters": self.ids.counters}
        if self.config.state is not None and meta != self.store.get("meta", "meta"):
            self.store.put("meta", "meta", {**meta, "counters": dict(self.ids.counters)})
        self.store.commit()

    def add(self, value: JsonObject) -> JsonObject:
        self.store.put(value["object"], value["id"], value)
        return value

    def change(self, value: JsonObject, **changes: Any) -> JsonObject:
        """Replace the object with a changed copy and return the copy."""
        return self.add({**value, **changes})

    def get(self, kind: str, identifier: str) -> JsonObject | None:
        return self.store.get(kind, identifier)

    def the(self, kind: str, identifier: str) -> JsonObject:
        """Return an object that another one names, which therefore exists."""
        found = self.store.get(kind, identifier)
        if found is None:
            raise LookupError(f"The {kind} is gone; is `keep` too small?")
        return found

    def notes(self, identifier: str) -> JsonObject:
        """Return what the sandbox knows about an object and Stripe does not show."""
        return self.store.get("notes", identifier) or {}

    def note(self, identifier: str, **facts: Any) -> None:
        self.store.put("notes", identifier, {**self.notes(identifier), **facts})


class _Timers:
    """What will happen at a time of the clock, kept in the store, so that a restart does not forget it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.load()

    def load(self) -> None:
        self._heap = [(timer["at"], timer["id"]) for timer in self._account.store.oldest("timer")]
        heapq.heapify(self._heap)

    def add(self, after: float, action: str, identifier: str) -> None:
        timer_id = f"{action}:{identifier}"
        timer = {"id": timer_id, "at": self._account.clock.now() + after, "action": action, "on": identifier}
        self._account.store.put("timer", timer_id, timer)
        heapq.heappush(self._heap, (timer["at"], timer_id))

    def remove(self, action: str, identifier: str) -> None:
        self._account.store.delete("timer", f"{action}:{identifier}")

    @property
    def next_at(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def take_due(self) -> JsonObject | None:
        """Take the earliest timer that is due and was not removed or moved since."""
        while self._heap and self._heap[0][0] <= self._account.clock.now():
            at, timer_id = heapq.heappop(self._heap)
            timer = self._account.store.get("timer", timer_id)
            if timer is not None and timer["at"] == at:
                self._account.store.delete("timer", timer_id)
                return timer
        return None
