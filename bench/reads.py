"""What lists, searches and timelines cost with millions of payments behind them."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from app.auth.person import Person
from app.console.pages import COOKIE
from app.console.sessions import open_session
from app.dev.postgres import EmbeddedPostgres
from app.figures import counting
from app.resources import open_resources
from app.settings import Settings
from bench import client
from bench.database import FILL_SECONDS, plain_url
from bench.figures import Figures
from bench.stack import create_key, environment, migrated_database, service, stripe_stub
from bench.traffic import Service, http

_SECTIONS = Path(__file__).with_name("reads.sql").read_text(encoding="utf-8").split("-- name: ")[1:]

# Each fills one table; those with $1 take the number of payments. In their order.
FILL = {name: statement.strip() for name, _, statement in (section.partition("\n") for section in _SECTIONS)}

_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename = ANY ($1)
  AND indexname NOT IN (SELECT conname FROM pg_constraint) AND indexdef NOT LIKE 'CREATE UNIQUE%'
"""


# The console's pages that read many payments.
PAGES = {
    "find": "/console",
    "search": "/console?q=4242+24.50",
    "flagged": "/console?flag=amount_mismatch",
    "worklist": "/console/worklist",
    "charts-day": "/console/now",
    "charts-month": "/console/now?span=month",
}
PRESENT_HOURS = 2  # the present hour and the one before are counted again each time


@dataclass(frozen=True, slots=True)
class Plan:
    payments: int = 2_000_000
    requests: int = 200  # of each kind, one after the other


async def measure(server: EmbeddedPostgres, plan: Plan) -> Figures:
    """Time each kind of read, one at a time, each with values of its own."""
    figures = Figures([], [f"Lists, searches and timelines were read among {plan.payments:,} payments."])
    url = await migrated_database(server, "reads")
    began = time.perf_counter()
    await _fill(url, plan.payments)
    print(f"  {plan.payments:,} payments were made in {time.perf_counter() - began:.0f} s.", flush=True)
    ours, cookie = Service(await create_key(url)), await _prepare_console(url)
    kinds = {name: partial(_api_requests, ours, path) for name, path in _reads(plan.payments).items()}
    kinds |= {f"console-{name}": partial(_page_requests, cookie, path) for name, path in PAGES.items()}
    async with stripe_stub() as stripe, service(url, stripe.url) as running:
        for name, make in kinds.items():
            requests = make(plan.requests + 1)
            await client.send(running.port, iter(requests[:1]), connections=1)  # only warms up
            measured = await client.send(running.port, iter(requests[1:]), connections=1)
            p50, p95 = (measured.percentile(share) * 1000 for share in (0.5, 0.95))
            figures.add(f"reads-{name}", "service", p50_ms=p50, p95_ms=p95)
    return figures


def _api_requests(ours: Service, path: Callable[[], str], count: int) -> list[bytes]:
    return list(ours.get(path() for _ in range(count)))


def _page_requests(cookie: str, path: str, count: int) -> list[bytes]:
    return [http("GET", path, Cookie=cookie)] * count


async def _prepare_console(url: str) -> str:
    """Count what the charts show, and sign somebody in; return the cookie."""
    settings = Settings.model_validate(environment(url, "http://127.0.0.1:1"))
    async with open_resources(settings) as resources:
        while await counting.count(resources) > PRESENT_HOURS:
            pass
        person = Person("bench", "bench", "operator")
        secret = await open_session(resources.database, person, lifetime=timedelta(hours=8))
    return f"{COOKIE}={secret}"


async def _fill(url: str, payments: int) -> None:
    """Make the payments; indexes are made afterwards, which takes a fraction of the time."""
    connection = await asyncpg.connect(plain_url(url), command_timeout=FILL_SECONDS)
    try:
        await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'")
        indexes = await connection.fetch(_INDEXES, [name.removeprefix("fill ") for name in FILL])
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['indexname']}")
        for statement in FILL.values():
            await connection.execute(statement, *([payments] if "$1" in statement else []))
        for index in indexes:
            await connection.execute(index["indexdef"])
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def _reads(payments: int) -> dict[str, Callable[[], str]]:
    """Return the kinds of reads, each with what makes the next path."""
    draw = random.Random(1)  # noqa: S311 - no secret
    now = datetime.now(UTC)

    def cart() -> str:
        return f"cart-{draw.randint(1, payments)}"

    def day() -> datetime:
        return now - timedelta(days=draw.randint(1, 700))

    def amount() -> int:
        return draw.randint(100, 20_000)

    def last4() -> str:
        return f"{draw.randint(0, 9999):04}"

    def days(name: str) -> dict[str, str]:
        begin = day()
        return {f"{name}_from": begin.isoformat(), f"{name}_to": (begin + timedelta(days=1)).isoformat()}

    def listed(query: Callable[[], Mapping[str, object]]) -> Callable[[], str]:
        return lambda: f"/v1/payment-intents?{urlencode(query())}"

    def searched(query: Callable[[], str]) -> Callable[[], str]:
        return lambda: f"/v1/search?{urlencode({'q': query()})}"

    return {
        "newest": listed(dict),
        "status": listed(lambda: {"status": "processing"}),
        "flag": listed(lambda: {"flag": draw.choice(("amount_mismatch", "duplicate_payment"))}),
        "reference": listed(lambda: {"reference": f"cart:{cart()}"}),
        "customer": listed(lambda: {"customer": f"cus_{draw.randint(0, 249_999) * 2}"}),
        "amount": listed(lambda: {"amount": amount()}),
        "currency": listed(lambda: {"currency": draw.choice(("chf", "usd", "eur"))}),
        "card": listed(lambda: {"card_last4": last4()}),
        "created": listed(lambda: days("created")),
        "paid": listed(lambda: days("paid")),
        "combined": listed(lambda: {"status": "succeeded", "currency": "usd"} | days("created")),
        "search-person": searched(lambda: f"{last4()} ~{draw.randint(5, 150)} {day():%Y-%m-%d}"),
        "search-amount": searched(lambda: f"{amount() / 100:.2f}"),
        "search-day": searched(lambda: f"{day():%Y-%m-%d}"),
        "search-beginning": searched(lambda: cart()[:-2]),
        "search-id": searched(lambda: f"pi_{draw.randint(1, payments)}"),
        "search-charge": searched(lambda: f"ch_{draw.randint(1, payments)}"),
        "timeline": lambda: f"/v1/carts/{cart()}/timeline",
    }
