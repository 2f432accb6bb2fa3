"""Half of the connections freeze under load: whoever is on one of them waits for the bound, and nobody else."""

import asyncio
import time

import httpx
import pytest

from sandbox.client import SandboxClient
from tests.faults.conftest import BOUND_SECONDS
from tests.faults.proxy import Proxy
from tests.webhooks.sending import CART, TEN_EUROS

CARTS = 8


async def shop(api: httpx.AsyncClient, cart: int, seconds: float, version: list[int]) -> list[tuple[int, float]]:
    """Change and read one cart for so long; return each answer's status and time."""
    answers, path, began = [], CART.replace("c1", f"cart-{cart}"), time.monotonic()
    while time.monotonic() - began < seconds:
        version[cart] += 1
        body = {**TEN_EUROS, "amount": 1000 + version[cart], "cart_version": version[cart]}
        for request in (api.put(path, json=body), api.get(path)):
            sent = time.monotonic()
            answers.append(((await request).status_code, time.monotonic() - sent))
    return answers


async def load(api: httpx.AsyncClient, seconds: float, version: list[int]) -> list[tuple[int, float]]:
    shops = await asyncio.gather(*(shop(api, cart, seconds, version) for cart in range(CARTS)))
    return [answer for answers in shops for answer in answers]


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


@pytest.mark.slow
async def test_half_of_the_connections_frozen_delay_nobody_else(
    api: httpx.AsyncClient, proxy: Proxy, sandbox: SandboxClient
) -> None:
    version = [0] * CARTS
    await load(api, 1, version)
    quiet = p99([seconds for _, seconds in await load(api, 4, version)])
    links = len(proxy.links)
    proxy.freeze(links // 2)
    answers = await load(api, 8, version)
    assert {status for status, _ in answers} <= {200, 201, 503}
    assert max(seconds for _, seconds in answers) < 2 * BOUND_SECONDS
    assert sum(status == 503 for status, _ in answers) <= links
    assert p99([seconds for status, seconds in answers if status != 503]) < 3 * quiet
    proxy.cut()
    answers = await load(api, 1, version)
    assert {status for status, _ in answers if status != 503} == {200}
    payments = await sandbox.objects("payment_intents")
    assert sorted(payment["amount"] for payment in payments) == sorted(1000 + each for each in version)
