"""A developer's commands follow the feed from outside, and post to a receiver what notifications would."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.cart import Cart
from tests.conftest import NewKey
from tests.database import Database
from tests.notifications.receiver import Receiver
from tests.stack import ROOT

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@asynccontextmanager
async def _command(*words: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *words),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode()


async def test_listen_posts_signed_events_and_prints_each_answer(
    anonymous: httpx.AsyncClient, cart: Cart, receiver: Receiver, new_key: NewKey, database: Database
) -> None:
    environment = {"PAYMENTS_API_URL": str(anonymous.base_url), "PAYMENTS_API_KEY": await new_key("events:read")}
    await cart.owe()
    await database.until_events_are_readable()
    key = {"Authorization": f"Bearer {environment['PAYMENTS_API_KEY']}"}
    cursor = (await anonymous.get("/v1/events", headers=key)).json()["next_cursor"]
    await cart.put(amount=1500)
    words = ("listen", "--forward-to", receiver.url, "--types", "payment.*", "--after", cursor)
    async with _command(*words, **environment) as process:
        secret = (await _line(process)).strip().removeprefix("PAYMENTS_WEBHOOK_SECRET=")
        line = await _line(process)
        assert "payment.amount_changed" in line
        assert "cart:c1 #2" in line
        assert "→ 200," in line
        process.send_signal(2)
        assert await process.wait() == 0
    [event] = receiver.verified(secret)
    assert event["data"]["amount"] == 1500


async def test_tail_prints_events_as_they_happen(anonymous: httpx.AsyncClient, cart: Cart, new_key: NewKey) -> None:
    await cart.owe()
    environment = {"PAYMENTS_API_KEY": await new_key("events:read")}
    async with _command("events", "tail", "--url", str(anonymous.base_url), "--types", "*", **environment) as process:
        first = asyncio.create_task(_line(process))
        for number in range(100):  # until it has begun to wait
            await cart.put(amount=1500 + number)
            if (await asyncio.wait({first}, timeout=0.2))[0]:
                break
        assert "payment.amount_changed" in await first


@pytest.mark.parametrize(("key", "says"), [("", "Set PAYMENTS_API_KEY"), ("pay_0_0", "is not valid")])
async def test_what_is_refused_is_one_line(anonymous: httpx.AsyncClient, cart: Cart, key: str, says: str) -> None:
    async with _command("events", "tail", "--url", str(anonymous.base_url), PAYMENTS_API_KEY=key) as process:
        async with asyncio.timeout(20):
            _, error = await process.communicate()
    assert process.returncode == 1
    assert says in error.decode()
    assert error.decode().count("\n") == 1
