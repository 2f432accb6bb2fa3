"""Creates against a bare sample (FastAPI and stripe, no database), reads against a bare read with asyncpg."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from app.dev.postgres import EmbeddedPostgres, temporary_postgres
from bench.stack import STRIPE_KEY, running, stack, timed

CREATES, READS, AT_ONCE = 300, 1500, 8
GOAL = 0.6


def main() -> None:
    """Print how many a second, as a share of the sample's."""
    with temporary_postgres() as server:
        asyncio.run(_measure(server))


async def _measure(server: EmbeddedPostgres) -> None:
    async with stack(server, "paths") as service:
        environment = {
            "DATABASE_URL": service.database_url,
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "STRIPE_API_BASE": service.sandbox.url,
        }
        uvicorn = ("-m", "uvicorn", "bench.peers:app", "--no-access-log", "--log-level", "warning", "--port")
        async with running(*uvicorn, **environment) as sample:
            http, carts = service.client, f"{service.api}/v1/carts"

            async def create(number: int) -> None:
                url = f"{carts}/{time.monotonic_ns()}-{number}/payment-intent"
                async with http.put(url, json={"amount": 1000, "currency": "eur"}) as answer:
                    assert answer.ok, await answer.text()

            async def create_bare(_: int) -> None:
                async with http.post(f"{sample}/create") as answer:
                    assert answer.ok, await answer.text()

            async def again(_: int) -> None:
                async with http.put(f"{carts}/one/payment-intent", json={"amount": 1000, "currency": "eur"}) as answer:
                    assert answer.ok, await answer.text()

            async def read(_: int) -> None:
                async with http.get(f"{carts}/one/payment-intent") as answer:
                    assert answer.ok, await answer.text()

            async def read_bare(_: int) -> None:
                async with http.get(f"{sample}/read/one") as answer:
                    assert answer.ok, await answer.text()

            await again(0)
            _print("creates", await _rate(create, CREATES), await _rate(create_bare, CREATES))
            _print("reads", await _rate(read, READS), await _rate(read_bare, READS))
            print(f"PUTs that change nothing, at one cart: {await _rate(again, CREATES):.0f}/s")


async def _rate(work: Callable[[int], Awaitable[None]], count: int) -> float:
    """Give how many a second, once it is warm."""
    await timed(work, count // 10, at_once=AT_ONCE)
    began = time.perf_counter()
    await timed(work, count, at_once=AT_ONCE)
    return count / (time.perf_counter() - began)


def _print(what: str, ours: float, bare: float) -> None:
    print(f"{what}: {ours:.0f}/s, the sample {bare:.0f}/s: {ours / bare:.2f} x (goal {GOAL})")
