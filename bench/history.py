"""Whether it stays as fast with millions of payments behind it, and what the sweep costs with many open carts."""

import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.dev.postgres import EmbeddedPostgres
from app.payment_intents import recovery
from app.resources import Resources, open_resources
from app.settings import Settings
from bench import client
from bench.database import Payment, clone, execute, size
from bench.figures import Figures
from bench.stack import Server, create_key, environment, migrated_database, service, stripe_stub
from bench.stripe_objects import events
from bench.traffic import Requests, Service, Template, in_stages

FEW = 1_000
CONNECTIONS = 8
SWEEPS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int = 3
    payments: int = 1_000_000  # each with two attempts, four domain events and five webhook events
    open_carts: int = 170_000
    requests: int = 1_000


@dataclass(frozen=True, slots=True)
class Filled:
    """A service over a database with so many payments, and open carts to send events about."""

    server: Server
    ours: Service
    template: Template
    paid: list[Payment]
    fresh: Iterator[Payment]


async def measure(server: EmbeddedPostgres, plan: Plan) -> Figures:
    """Measure reads, creates and webhooks over a small and a large history, in turn; then the sweep."""
    figures = Figures(
        [], [f"The large history had {plan.payments:,} payments, the sweep {plan.open_carts:,} open carts."]
    )
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(stripe_stub())
        filled = {
            name: await stack.enter_async_context(_filled(server, stripe, name, payments, plan, figures))
            for name, payments in (("few", FEW), ("many", plan.payments))
        }
        for number in range(plan.rounds + 1):  # the first only warms up
            for load in ("create", "read", "webhook"):
                for name, each in filled.items():
                    measured = await client.send(
                        each.server.port, _requests(each, plan.requests)[load](), connections=CONNECTIONS
                    )
                    if number:
                        p50, p99 = (measured.percentile(share) * 1000 for share in (0.5, 0.99))
                        figures.add(f"history-{load}", name, p50_ms=p50, p99_ms=p99)
        await _sweep(server, stripe, plan, figures)
    return figures


def _requests(filled: Filled, count: int) -> dict[str, Requests]:
    step = max(len(filled.paid) // count, 1)  # carts from all over the table

    def webhooks() -> Iterator[bytes]:
        chosen = [filled.template.intent(payment) for payment in itertools.islice(filled.fresh, count // 5)]
        return filled.ours.webhook(list(in_stages(chosen)))

    return {
        "create": lambda: itertools.islice(filled.ours.create(), count),
        "read": lambda: filled.ours.read(payment.cart for payment in filled.paid[::step][:count]),
        "webhook": webhooks,
    }


@asynccontextmanager
async def _filled(
    server: EmbeddedPostgres, stripe: Server, name: str, payments: int, plan: Plan, figures: Figures
) -> AsyncIterator[Filled]:
    """Fill a database with copies of one whole payment, and serve it."""
    url = await migrated_database(server, f"history_{name}")
    ours = Service(await create_key(url))
    async with service(url, stripe.url) as running:
        is_open = await ours.make_template(running.port, url, stripe.port, "open")
        is_paid = await ours.make_template(running.port, url, stripe.port, "paid")
        bodies = events(is_paid.own_intent())
        await client.send(running.port, ours.webhook(bodies), connections=1)
        began, empty = time.perf_counter(), await size(url)
        paid = await clone(url, is_paid.cart, "paid", payments)
        fresh = await clone(url, is_open.cart, "fresh", (plan.rounds + 1) * (plan.requests // 5))
        print(f"  {payments:,} payments were inserted in {time.perf_counter() - began:.0f} s.", flush=True)
        figures.add("history-size", name, kb_per_payment=(await size(url) - empty) / payments / 1000)
        yield Filled(running, ours, is_open, paid, iter(fresh))


async def _sweep(server: EmbeddedPostgres, stripe: Server, plan: Plan, figures: Figures) -> None:
    """Time the sweep's search over open carts: when none of them needs anything, and when all do."""
    url = await migrated_database(server, "sweep")
    async with service(url, stripe.url) as running:
        template = await Service(await create_key(url)).make_template(running.port, url, stripe.port)
    await clone(url, template.cart, "open", plan.open_carts)
    settings = {name.lower(): value for name, value in environment(url, stripe.url).items()}
    async with open_resources(Settings.model_validate(settings)) as resources:
        await recovery.find_due(resources)
        for _ in range(SWEEPS):
            figures.add("sweep", "service", ms=await _search(resources))
        await execute(url, "UPDATE payment_intents SET due_at = now()")
        for _ in range(SWEEPS):
            figures.add("sweep-due", "service", ms=await _search(resources))


async def _search(resources: Resources) -> float:
    """Return how many milliseconds it took to find what is due."""
    began = time.perf_counter()
    await recovery.find_due(resources)
    return (time.perf_counter() - began) * 1000
