"""Bring events to their endpoints, outside the requests that caused them.

Each endpoint has a lane of its own, so that one that hangs holds up no other. A lane sends at once and in order; what
is not answered with 2xx is tried again after a while by the sandbox's clock. Everything pending is in the store.
"""

import asyncio
import contextlib
import heapq
import itertools
import json
import random
import time

import aiohttp

from sandbox.account import Account
from sandbox.store import JsonObject
from sandbox.webhooks.endpoints import active_secrets
from sandbox.webhooks.signature import sign

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
_encode = json.JSONEncoder(separators=(",", ":")).encode
_counter = itertools.count()


class Sender:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._lanes: dict[str, Lane] = {}
        self._http: aiohttp.ClientSession | None = None
        self._random = random.Random(account.config.seed)  # noqa: S311  it shuffles, it guards nothing

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._account.config.unconfirmed.webhook_timeout.total_seconds())
        self._http = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        pending = [entry for entry in self._account.store.oldest("delivery") if entry["status"] == "pending"]
        self._account.new_deliveries[:0] = [delivery["id"] for delivery in pending]
        self.wake()

    async def stop(self) -> None:
        await self._drop_lanes()
        if self._http is not None:
            await self._http.close()

    async def reset(self) -> None:
        await self._drop_lanes()
        self._random = random.Random(self._account.config.seed)  # noqa: S311  it shuffles, it guards nothing

    async def _drop_lanes(self) -> None:
        lanes, self._lanes = list(self._lanes.values()), {}
        for lane in lanes:
            await lane.stop()

    def wake(self) -> None:
        """Take over the deliveries that were planned; call it after their commit."""
        if self._http is None:
            return
        planned = self._account.new_deliveries
        self._account.new_deliveries = []
        for delivery_id in planned:
            delivery = self._account.store.get("delivery", delivery_id)
            if delivery is not None and delivery["status"] == "pending":
                self._lane(delivery["endpoint"], self._http).add(delivery)

    def look_again(self) -> None:
        """Look at the clock and at the mode again: they were changed."""
        for lane in self._lanes.values():
            lane.has_work.set()

    def age(self, seconds: float) -> None:
        """Have what waits for its next attempt come so much earlier."""
        for lane in self._lanes.values():
            lane.age(seconds)

    def pending(self) -> int:
        return sum(lane.pending for lane in self._lanes.values())

    async def attempt_all(self) -> None:
        """Attempt all that is pending once, now, paused or not."""
        await asyncio.gather(*(lane.attempt_all() for lane in list(self._lanes.values())))

    async def wait_idle(self) -> None:
        """Wait until nothing is pending: all is delivered or given up."""
        while self.pending():
            lane = next(lane for lane in self._lanes.values() if lane.pending)
            await lane.changed.wait()

    def _lane(self, endpoint_id: str, http: aiohttp.ClientSession) -> "Lane":
        lane = self._lanes.get(endpoint_id)
        if lane is None:
            lane = self._lanes[endpoint_id] = Lane(self._account, endpoint_id, http, self._random)
        return lane


class Lane:
    """The deliveries of one endpoint."""

    def __init__(self, account: Account, endpoint_id: str, http: aiohttp.ClientSession, chance: random.Random) -> None:
        self._account = account
        self._endpoint_id = endpoint_id
        self._http = http
        self._random = chance
        self._waiting: list[tuple[float, int, str]] = []
        self._sending = 0
        self.has_work = asyncio.Event()
        self.changed = asyncio.Event()
        concurrency = account.config.webhook_concurrency
        self._tasks = [asyncio.create_task(self._run()) for _ in range(concurrency)]

    @property
    def pending(self) -> int:
        return len(self._waiting) + self._sending

    def add(self, delivery: JsonObject) -> None:
        heapq.heappush(self._waiting, (delivery["next_at"], next(_counter), delivery["id"]))
        self.has_work.set()

    def age(self, seconds: float) -> None:
        self._waiting = [(at - seconds, number, delivery_id) for at, number, delivery_id in self._waiting]
        self.has_work.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def attempt_all(self) -> None:
        waiting, self._waiting = sorted(self._waiting), []
        self._sending += len(waiting)
        for _, _, delivery_id in waiting:
            await self._attempt(delivery_id)
        while self._sending:  # what was under way before
            await self.changed.wait()

    async def _run(self) -> None:
        while True:
            delivery_id = self._take_due()
            if delivery_id is None:
                await self._wait()
                continue
            self._sending += 1
            await self._attempt(delivery_id)

    def _take_due(self) -> str | None:
        mode, now = self._account.deliveries, self._account.clock.now()
        if mode.is_paused or not self._waiting or self._waiting[0][0] > now:
            return None
        if not mode.is_shuffled:
            return heapq.heappop(self._waiting)[2]
        due = sorted(entry for entry in self._waiting if entry[0] <= now)
        chosen = self._random.choice(due)
        self._waiting.remove(chosen)
        heapq.heapify(self._waiting)
        return chosen[2]

    async def _wait(self) -> None:
        self.has_work.clear()
        clock = self._account.clock
        timeout = None
        if self._waiting and not clock.is_frozen and not self._account.deliveries.is_paused:
            timeout = max(0.0, self._waiting[0][0] - clock.now())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.has_work.wait(), timeout)

    async def _attempt(self, delivery_id: str) -> None:
        """Send it once and keep what came of it; `_sending` counts it already."""
        try:
            event, endpoint = self._still_wanted(delivery_id)
            if event is not None and endpoint is not None:
                answer = await self._post(event, endpoint)
                self._record(delivery_id, answer)
        finally:
            self._sending -= 1
            self.changed.set()
            self.changed = asyncio.Event()

    def _still_wanted(self, delivery_id: str) -> tuple[JsonObject | None, JsonObject | None]:
        store = self._account.store
        delivery = store.get("delivery", delivery_id)
        if delivery is None:
            return None, None
        endpoint = store.get("webhook_endpoint", delivery["endpoint"])
        if endpoint is None or endpoint["status"] != "enabled":
            store.put("delivery", delivery_id, {**delivery, "status": "failed"})
            self._account.commit()
            return None, None
        return store.get("event", delivery["event"]), endpoint

    async def _post(self, event: JsonObject, endpoint: JsonObject) -> int | str:
        """Return the status, or the name of the exception."""
        payload = _encode(event).encode()
        signature = sign(payload, active_secrets(self._account, endpoint["id"]), int(time.time()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
            "Stripe-Signature": signature,
        }
        try:
            async with self._http.post(endpoint["url"], data=payload, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return type(error).__name__

    def _record(self, delivery_id: str, answer: int | str) -> None:
        store = self._account.store
        delivery = store.get("delivery", delivery_id)
        if delivery is None:
            return
        delivery = {**delivery, "attempts": delivery["attempts"] + 1, "last_answer": answer}
        backoff = self._account.config.webhook_backoff
        if isinstance(answer, int) and 200 <= answer < 300:  # noqa: PLR2004  every 2xx is a success
            delivery["status"] = "delivered"
            self._count_down(delivery)
        elif delivery["attempts"] > len(backoff):
            delivery["status"] = "failed"
        else:
            delivery["next_at"] = self._account.clock.now() + backoff[delivery["attempts"] - 1]
            self.add(delivery)
        store.put("delivery", delivery_id, delivery)
        self._account.commit()

    def _count_down(self, delivery: JsonObject) -> None:
        """Lower the event's `pending_webhooks` at the first delivery to an endpoint; a further copy changes nothing."""
        event = self._account.get("event", delivery["event"])
        others = self._account.store.where("delivery", "event", delivery["event"])
        was_there = any(
            other["status"] == "delivered" and other["endpoint"] == delivery["endpoint"] for other in others
        )
        if event is not None and not was_there:
            self._account.change(event, pending_webhooks=max(0, event["pending_webhooks"] - 1))
