"""How soon other services learn what happened: from the commit to a waiting reader of the feed, and to an endpoint."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import aiohttp
from aiohttp import web

from app.auth import api_keys
from app.db.engine import open_database
from app.dev.postgres import EmbeddedPostgres
from app.settings import DatabaseSettings
from bench.figures import Figures
from bench.stack import ROOT, environment, migrated_database, service, stripe_stub

PAGE = 1000
PAUSE_SECONDS = 0.02  # between two carts, so that each is measured by itself


@dataclass(frozen=True, slots=True)
class Plan:
    carts: int = 300  # one after the other, each measured
    backlog: int = 3_000  # events that wait for a worker


@dataclass
class Receiver:
    """When each cart's first event came."""

    arrived: dict[str, float] = field(default_factory=dict)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        self.arrived.setdefault(event["reference"]["id"], time.monotonic())
        return web.Response(status=204)


@asynccontextmanager
async def _receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def _worker(url: str, stripe: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "worker"),
        cwd=ROOT,
        env=environment(url, stripe),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def measure(server: EmbeddedPostgres, plan: Plan) -> Figures:
    """Measure single events, then how fast a backlog is read and sent."""
    figures = Figures([], [f"Events: {plan.carts:,} carts one after the other; a backlog of {plan.backlog:,} events."])
    url = await migrated_database(server, "events")
    async with (
        stripe_stub() as stripe,
        service(url, stripe.url) as api,
        _receiving() as receiver,
        aiohttp.ClientSession(api.url, headers={"Authorization": f"Bearer {await _key(url)}"}) as client,
    ):
        endpoint = {"url": receiver.url, "types": ["*"]}
        async with client.post("/v1/notification-endpoints", json=endpoint) as answer:
            answer.raise_for_status()
        async with _worker(url, stripe.url):
            await _warm_up(client, receiver)
            seen: dict[str, float] = {}
            latest = (await _page(client, {"after": "latest"}))["next_cursor"]
            reader = asyncio.create_task(_read(client, latest, seen))
            committed = {f"c{number}": await _put(client, f"c{number}") for number in range(plan.carts)}
            await _until(lambda: committed.keys() <= receiver.arrived.keys() and committed.keys() <= seen.keys())
            reader.cancel()
        _add(figures, "event-to-reader", [seen[cart] - at for cart, at in committed.items()])
        _add(figures, "event-to-endpoint", [receiver.arrived[cart] - at for cart, at in committed.items()])
        await _backlog(client, url, stripe.url, receiver, plan, figures)
    return figures


async def _backlog(
    client: aiohttp.ClientSession, url: str, stripe: str, receiver: Receiver, plan: Plan, figures: Figures
) -> None:
    """Let events wait while no worker runs, then read and send them all."""
    carts = {f"b{number}" for number in range(plan.backlog)}
    waiting = iter(sorted(carts))

    async def put_all() -> None:
        for cart in waiting:
            await _put(client, cart, pause=0)

    await asyncio.gather(*(put_all() for _ in range(8)))
    began, events, after = time.monotonic(), 0, None
    while True:
        params = {"limit": str(PAGE)} | ({"after": after} if after else {})
        page = await _page(client, params)
        events, after = events + len(page["data"]), page["next_cursor"]
        if page["is_caught_up"]:
            break
    figures.add("feed", "service", per_second=events / (time.monotonic() - began))
    async with _worker(url, stripe):
        await _until(lambda: carts <= receiver.arrived.keys())
    times = sorted(receiver.arrived[cart] for cart in carts)
    figures.add("notifications", "service", per_second=len(times) / (times[-1] - times[0]))


async def _key(url: str) -> str:
    async with open_database(DatabaseSettings.model_validate({"database_url": url})) as database:
        scopes = ("payments:write", "events:read", "admin")
        return (await api_keys.create(database, client="bench", scopes=scopes)).secret


async def _put(client: aiohttp.ClientSession, cart: str, *, pause: float = PAUSE_SECONDS) -> float:
    """Let a cart owe something, which is an event; return when it was committed and answered."""
    async with client.put(f"/v1/carts/{cart}/payment-intent", json={"amount": 1000, "currency": "eur"}) as answer:
        answer.raise_for_status()
    at = time.monotonic()
    await asyncio.sleep(pause)
    return at


async def _page(client: aiohttp.ClientSession, params: dict[str, str]) -> dict[str, Any]:
    async with client.get("/v1/events", params=params) as answer:
        answer.raise_for_status()
        page: dict[str, Any] = await answer.json()
        return page


async def _read(client: aiohttp.ClientSession, after: str, seen: dict[str, float]) -> None:
    """Follow the feed as a consumer does."""
    while True:
        page = await _page(client, {"after": after, "wait": "20"})
        for event in page["data"]:
            seen.setdefault(event["reference"]["id"], time.monotonic())
        after = page["next_cursor"]


async def _warm_up(client: aiohttp.ClientSession, receiver: Receiver) -> None:
    await _put(client, "warm-up")
    await _until(lambda: "warm-up" in receiver.arrived)


async def _until(is_done: Callable[[], bool]) -> None:
    async with asyncio.timeout(600):
        while not is_done():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def _add(figures: Figures, load: str, seconds: list[float]) -> None:
    cuts = quantiles((max(0.0, each) * 1000 for each in seconds), n=100)
    figures.add(load, "service", p50_ms=cuts[49], p99_ms=cuts[98])
