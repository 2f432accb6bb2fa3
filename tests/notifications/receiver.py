"""A service that receives notifications, and verifies each as Standard Webhooks' own library does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

Json = dict[str, Any]


@dataclass
class Received:
    id: str
    body: str
    headers: dict[str, str]

    @property
    def event(self) -> Json:
        found: Json = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """Answers `statuses` in turn, then `status`, after `seconds`; keeps all that it got."""

    url: str = ""
    status: int = 200
    seconds: float = 0
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "ok"
    received: list[Received] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            body = (await request.read()).decode()
            self.received.append(Received(request.headers["webhook-id"], body, dict(request.headers)))
            status = self.statuses.pop(0) if self.statuses else self.status
            await asyncio.sleep(self.seconds)
            return web.Response(status=status, text=self.text, headers=self.headers)
        finally:
            self._now -= 1

    def verified(self, secret: str) -> list[Json]:
        """Return the events, each proved to be signed with the secret."""
        found: list[Json] = [Webhook(secret).verify(each.body, each.headers) for each in self.received]
        return found

    def told(self) -> list[tuple[str, int]]:
        """Return the reference and sequence of each event, in the order in which they came."""
        return [(each.event["reference"]["id"], each.event["sequence"]) for each in self.received]


@asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver(**options)
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
