"""While strangers flood the service, a good client is served about as fast as always, and memory comes back."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.conftest import TLS, NewKey
from tests.http.strangers import CROWD, STRANGERS, Stranger, flood, give_way
from tests.processes import api_process

pytestmark = pytest.mark.slow

CART = "/v1/carts/c1/payment-intent"
SECONDS = 6
TIMEOUT_SECONDS = 2  # for a head, and for a body
SHARED_SECONDS = 0.1


@pytest.fixture
async def serving(settings: Settings) -> AsyncIterator[tuple[int, str]]:
    """Serve with short times; return the process's id and its address."""
    timeout = timedelta(seconds=TIMEOUT_SECONDS)
    short = settings.model_copy(update={"request_head_timeout": timeout, "request_body_timeout": timeout})
    async with api_process(short) as (process, url):
        yield process.pid, url


@pytest.fixture
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """Return a process for the strangers, which has loaded what it needs."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=give_way) as process:
        process.submit(os.getpid).result()
        yield process


async def _p99(client: httpx.AsyncClient) -> float:
    """Return how long 99 of 100 reads take at most, over some seconds."""
    taken, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until:
        began = time.monotonic()
        assert (await client.get(CART)).status_code == 200
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.01)
    return sorted(taken)[len(taken) * 99 // 100]


def _resident(pid: int) -> float:
    """Return the process's memory in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda each: each.__name__)
async def test_a_good_client_is_served_and_memory_comes_back(
    serving: tuple[int, str], elsewhere: ProcessPoolExecutor, new_key: NewKey, stranger: Stranger
) -> None:
    pid, url = serving
    key = await new_key("payments:read", "payments:write")
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=15, verify=TLS) as good:
        assert (await good.put(CART, json={"amount": 1000, "currency": "eur"})).status_code == 201
        quiet, before = await _p99(good), _resident(pid)
        strangers = asyncio.get_running_loop().run_in_executor(elsewhere, flood, stranger, url, SECONDS)
        flooded = await _p99(good)
        done = await strangers
        after = await _p99(good)
    assert done >= CROWD * (SECONDS // TIMEOUT_SECONDS - 1)
    # The strangers are on the machine of the service and of all other tests: that may cost so much.
    assert flooded < max(5 * quiet, SHARED_SECONDS)
    assert after < max(5 * quiet, SHARED_SECONDS)
    assert _resident(pid) < before + 60
