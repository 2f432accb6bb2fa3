"""Requests a second of one API process beside its peers: the same load, one after another in each round."""

import itertools
import math
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from app.dev.postgres import EmbeddedPostgres
from bench import client, sync_engine
from bench.database import Payment, clone, plain_url, written_bytes
from bench.figures import Figures
from bench.stack import (
    STRIPE_KEY,
    Server,
    cpu_seconds,
    create_key,
    migrated_database,
    running,
    service,
    stripe_stub,
)
from bench.stripe_objects import WEBHOOK_SECRET
from bench.traffic import MANY, Peer, Requests, Service, Template, http, in_stages

UVICORN = ("-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools")
BURST = 500
WARM_UP = 200  # requests, before a contender's first round of a load


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    seconds: float = 4.0
    payments: int = 2000  # each with five webhook events, in each round


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent to whom. Without seconds, all requests that there are are sent."""

    name: str
    connections: int
    contenders: dict[str, Requests]
    latency: int = 0  # of Stripe, in milliseconds
    is_timed: bool = True


@dataclass(frozen=True, slots=True)
class Bench:
    """All that runs while the loads are sent."""

    servers: dict[str, Server]
    stripe: Server
    postgres: psutil.Process
    ours: Service
    url: str
    template: Template


def run_loads(bench: Bench, plan: Plan, payments: list[Payment]) -> list[Load]:
    """Return the loads of the table."""
    ours, peer = bench.ours, Peer()
    copies = iter(payments)
    create: dict[str, Requests] = {"service": ours.create, "sample": peer.create}
    read: dict[str, Requests] = {"sample": peer.read}

    def webhooks() -> Iterator[bytes]:
        chosen = [bench.template.intent(payment) for payment in itertools.islice(copies, plan.payments)]
        return ours.webhook(list(in_stages(chosen)))

    def peer_webhooks() -> Iterator[bytes]:
        return peer.webhook(plan.payments)

    events: dict[str, Requests] = {"service": webhooks, "sample": peer_webhooks, "sync-engine": peer_webhooks}
    return [
        Load("webhook-8", 8, events, is_timed=False),
        Load("webhook-32", 32, events, is_timed=False),
        Load("create-8", 8, create),
        Load("create-8-slow", 8, create, latency=100),
        Load("create-64-slow", 64, create, latency=100),
        Load("put-same-one", 8, {"service": lambda: ours.put(itertools.repeat("template")), **read}),
        Load("put-same-many", 8, {"service": lambda: ours.put(itertools.cycle(MANY)), **read}),
        Load("read", 8, {"service": lambda: ours.read(itertools.cycle(MANY)), **read}),
        Load("client-secret", 8, {"service": lambda: ours.secret(itertools.repeat("template")), **read}),
        Load("burst-500", BURST, {name: _first(make, BURST) for name, make in create.items()}, 500, is_timed=False),
    ]


def _first(make: Requests, count: int) -> Requests:
    return lambda: itertools.islice(make(), count)


async def measure(server: EmbeddedPostgres, plan: Plan) -> Figures:
    """Send each load to each contender, in each round."""
    figures = Figures(
        [], [f"Throughput: {plan.rounds} rounds, {plan.seconds:g} s for each load, {plan.payments:,} payments."]
    )
    async with _bench(server, figures) as bench:
        service = bench.servers["service"]
        await client.send(service.port, bench.ours.put(MANY), connections=8)
        payments = await clone(bench.url, bench.template.cart, "copy", 2 * (plan.rounds + 1) * plan.payments)
        loads = run_loads(bench, plan, payments)
        for load in loads:
            await _set_latency(bench.stripe, load.latency)
            for number in range(plan.rounds):
                for name in load.contenders:
                    if name in bench.servers:
                        await _try(bench, load, name, plan, figures, is_first=number == 0)
    return figures


async def _try(bench: Bench, load: Load, name: str, plan: Plan, figures: Figures, *, is_first: bool) -> None:
    """Measure one load; what was not answered as it should be is no figure, and is told beside the table."""
    try:
        await _measure(bench, load, name, plan, figures, is_first=is_first)
    except client.UnexpectedAnswer as error:
        figures.notes.append(f"{load.name} failed in a round of {name}: {error}")
        print(f"  {figures.notes[-1]}", flush=True)


async def _measure(bench: Bench, load: Load, name: str, plan: Plan, figures: Figures, *, is_first: bool) -> None:
    server = bench.servers[name]
    if is_first:
        warm_up = itertools.islice(load.contenders[name](), WARM_UP)
        await client.send(server.port, warm_up, connections=load.connections, seconds=plan.seconds)
    requests = load.contenders[name]()
    seconds = plan.seconds if load.is_timed else math.inf
    cpu, postgres, written = server.cpu_seconds(), cpu_seconds(bench.postgres), await written_bytes(bench.url)
    measured = await client.send(server.port, requests, connections=load.connections, seconds=seconds)
    count = len(measured.taken)
    figures.add(
        load.name,
        name,
        per_second=measured.per_second,
        seconds=measured.seconds,
        p50_ms=measured.percentile(0.5) * 1000,
        p99_ms=measured.percentile(0.99) * 1000,
        cpu_ms=(server.cpu_seconds() - cpu) / count * 1000,
        postgres_ms=(cpu_seconds(bench.postgres) - postgres) / count * 1000,
        wal_kb=(await written_bytes(bench.url) - written) / count / 1000,
    )


async def _set_latency(stripe: Server, milliseconds: int) -> None:
    await client.send(stripe.port, iter([http("POST", f"/latency/{milliseconds}")]), connections=1)


@asynccontextmanager
async def _bench(server: EmbeddedPostgres, figures: Figures) -> AsyncIterator[Bench]:
    """Run the service and its peers, each with a database of its own."""
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(stripe_stub())
        url = await migrated_database(server, "service")
        servers = {
            "service": await stack.enter_async_context(service(url, stripe.url)),
            "sample": await stack.enter_async_context(_sample(server, stripe)),
        }
        try:
            folder = sync_engine.install()
        except sync_engine.NotInstalled as reason:
            figures.notes.append(f"{reason}.")
        else:
            database = _peer_environment(server, "sync_engine", stripe)
            servers["sync-engine"] = await stack.enter_async_context(
                running("node", "server.cjs", cwd=folder, environment=database)
            )
        ours = Service(await create_key(url))
        template = await ours.make_template(servers["service"].port, url, stripe.port)
        yield Bench(servers, stripe, psutil.Process(server.process.pid), ours, url, template)


def _sample(server: EmbeddedPostgres, stripe: Server) -> AbstractAsyncContextManager[Server]:
    settings = _peer_environment(server, "sample", stripe)
    return running(sys.executable, *UVICORN, "bench.peers:app", "--port", environment=settings)


def _peer_environment(server: EmbeddedPostgres, database: str, stripe: Server) -> dict[str, str]:
    server.create_database(database)
    return {
        "DATABASE_URL": plain_url(server.url(database)),
        "STRIPE_API_BASE": stripe.url,
        "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
    }
