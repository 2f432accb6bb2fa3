"""A crowd at one new cart, over several API processes: one PaymentIntent, and everybody is answered."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import httpx
import pytest

from app.settings import Settings
from sandbox.client import SandboxClient
from tests.conftest import NewKey
from tests.processes import api_process

CART = "/v1/carts/c1/payment-intent"
TIMES_SENT = 10

CROWDS = [
    pytest.param(40, 2, id="40 over 2 processes"),
    pytest.param(200, 4, id="200 over 4 processes", marks=pytest.mark.slow),
]


@asynccontextmanager
async def _clients(settings: Settings, key: str, count: int) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Run so many API processes; give a client of each."""
    async with AsyncExitStack() as stack:
        started = await asyncio.gather(*(stack.enter_async_context(api_process(settings)) for _ in range(count)))
        headers = {"Authorization": f"Bearer {key}"}
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=url,
                    headers=headers,
                    trust_env=False,
                    timeout=30,
                    limits=httpx.Limits(max_connections=None),
                )
            )
            for _, url in started
        ]


async def _put(client: httpx.AsyncClient, body: dict[str, Any]) -> tuple[httpx.Response, float, int]:
    """Send a PUT until it is not 503; give the answer, the longest wait for one, and how often it was sent."""
    longest = 0.0
    for sent in range(1, TIMES_SENT + 1):
        began = time.monotonic()
        answer = await client.put(CART, json=body)
        longest = max(longest, time.monotonic() - began)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer, longest, sent
        await asyncio.sleep(0.2)
    pytest.fail(f"still 503 after {TIMES_SENT} times")


def _report(what: str, sent: list[tuple[httpx.Response, float, int]]) -> None:
    slowest, repeated = max(longest for _, longest, _ in sent), sum(times > 1 for _, _, times in sent)
    print(f"\n{what}: the slowest of {len(sent)} answers took {slowest:.2f} s; {repeated} were sent again")  # noqa: T201 - a figure to read, not to assert: machines differ


@pytest.mark.parametrize(("count", "processes"), CROWDS)
async def test_a_crowd_makes_one_payment_intent_and_all_are_answered(
    settings: Settings, sandbox: SandboxClient, new_key: NewKey, count: int, processes: int
) -> None:
    async with _clients(settings, await new_key("payments:write"), processes) as clients:
        await sandbox.latency(0.1)
        body = {"amount": 1000, "currency": "eur"}
        sent = await asyncio.gather(*(_put(client, body) for _, client in zip(range(count), cycle(clients))))
    _report("the same request", sent)
    assert sorted({answer.status_code for answer, _, _ in sent}) == [200, 201]
    assert len({answer.json()["client_secret"] for answer, _, _ in sent}) == 1
    assert await sandbox.count("payment_intents") == 1


@pytest.mark.parametrize(("count", "processes"), CROWDS)
async def test_of_a_crowd_of_versions_the_highest_wins_on_both_sides(
    settings: Settings, sandbox: SandboxClient, new_key: NewKey, count: int, processes: int
) -> None:
    async with _clients(settings, await new_key("payments:read", "payments:write"), processes) as clients:
        await sandbox.latency(0.1)
        bodies = [
            {"amount": 1000 + version, "currency": "eur", "cart_version": version} for version in range(1, count + 1)
        ]
        sent = await asyncio.gather(*(_put(client, body) for body, client in zip(bodies, cycle(clients))))
        state = (await clients[0].get(CART)).json()
    _report("rising versions", sent)
    [intent] = await sandbox.objects("payment_intents")
    assert {answer.status_code for answer, _, _ in sent} <= {200, 201, 409}
    assert {answer.json()["code"] for answer, _, _ in sent if answer.status_code == 409} <= {"stale_cart_version"}
    assert (state["cart_version"], state["amount"], state["is_synced"]) == (count, 1000 + count, True)
    assert (intent["amount"], intent["metadata"]["cart_version"]) == (1000 + count, str(count))
