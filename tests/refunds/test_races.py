"""Many at once, over two processes, and processes killed at every step."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import httpx
import pytest

from app.settings import Settings
from sandbox.client import SandboxClient
from tests.database import Database
from tests.processes import api_process
from tests.refunds.conftest import Later, Shop
from tests.waiting import until_held

MINUTE = timedelta(minutes=1)


async def test_fifty_at_once_over_two_processes_never_exceed_what_was_received(
    shop: Shop, settings: Settings, sandbox: SandboxClient
) -> None:
    await shop.sell()
    await sandbox.latency(0.05, "/v1/refunds")
    async with AsyncExitStack() as stack:
        processes = await asyncio.gather(*(stack.enter_async_context(api_process(settings)) for _ in range(2)))
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=shop.api.headers, trust_env=False, timeout=30)
            )
            for _, url in processes
        ]
        answers = await asyncio.gather(
            *(Shop(clients[n % 2], sandbox, shop.database).refund(f"k{n}", amount=3000) for n in range(50))
        )

    accepted = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 409]
    assert (len(accepted), len(refused)) == (3, 47)
    assert {answer.json()["status"] for answer in accepted} == {"succeeded"}
    assert {answer.json()["code"] for answer in refused} == {"refund_exceeds_payment"}
    assert await shop.totals() == (9000, 1000)
    assert sum(each["amount"] for each in await sandbox.objects("refunds")) == 9000


async def test_reads_and_refunds_of_others_go_on_while_stripe_works(shop: Shop, sandbox: SandboxClient) -> None:
    await shop.sell("c1", amount=10_000)
    await sandbox.hold("/v1/refunds", method="POST")
    held = [asyncio.create_task(shop.refund(f"k{n}", amount=100)) for n in range(20)]
    await until_held(sandbox, 20)  # twice the pool's connections
    state = await shop.state()
    still_held = await sandbox.held()
    await sandbox.release()
    assert (state["amount_refundable"], still_held) == (8000, 20)
    assert {answer.status_code for answer in await asyncio.gather(*held)} == {201}
    assert await shop.totals() == (2000, 8000)


# What every write about a payment waits for first.
REFERENCES = "SELECT 1 FROM payment_references FOR UPDATE"


async def _killed_while(shop: Shop, settings: Settings, moment: Callable[[], Awaitable[None]]) -> None:
    """Ask a process for a refund, and kill -9 it when the moment has come."""
    async with (
        api_process(settings) as (process, url),
        httpx.AsyncClient(base_url=url, headers=shop.api.headers, trust_env=False, timeout=30) as client,
    ):
        asked = asyncio.create_task(Shop(client, shop.sandbox, shop.database).refund("k1", amount=6000))
        await moment()
        process.kill()
        await process.wait()
        with pytest.raises(httpx.TransportError):
            await asked


@pytest.mark.slow
async def test_killed_before_the_reservation_nothing_has_happened(
    shop: Shop, settings: Settings, database: Database, later: Later
) -> None:
    await shop.sell()
    async with database.locked(REFERENCES):
        await _killed_while(shop, settings, database.until_blocked)
    await later(MINUTE)
    assert await shop.refunds() == []
    assert await shop.totals() == (0, 10_000)


@pytest.mark.parametrize(
    "after_work",
    [
        pytest.param(False, id="before Stripe's work", marks=pytest.mark.slow),
        pytest.param(True, id="before Stripe's answer", marks=pytest.mark.slow),
    ],
)
async def test_killed_during_the_call_the_refund_is_finished_once_whenever_the_request_lands(
    shop: Shop, settings: Settings, sandbox: SandboxClient, later: Later, after_work: bool
) -> None:
    await shop.sell()
    await sandbox.lose_webhooks()
    await sandbox.hold("/v1/refunds", method="POST", after_work=after_work)
    await _killed_while(shop, settings, partial(until_held, sandbox))
    reserved = await shop.state()
    over = await shop.refund("k2", amount=6000)
    meanwhile = await shop.refund("k1", amount=6000)
    await later(MINUTE)  # the job comes while the dead process's request is still on its way
    await sandbox.release()
    await later(MINUTE)
    done = await shop.refund("k1", amount=6000)

    assert (reserved["amount_refunded"], reserved["amount_refundable"]) == (0, 4000)
    assert over.json()["code"] == "refund_exceeds_payment"
    assert (meanwhile.status_code, done.status_code) == (202, 201)
    assert done.json()["id"] == meanwhile.json()["id"]
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (6000, 4000)


async def test_killed_between_stripes_answer_and_our_commit_the_refund_is_found(
    shop: Shop, settings: Settings, database: Database, sandbox: SandboxClient, later: Later
) -> None:
    await shop.sell()
    await sandbox.lose_webhooks()
    await sandbox.hold("/v1/refunds", method="POST", after_work=True)

    async def answered_but_not_recorded() -> None:
        await until_held(sandbox)
        await stack.enter_async_context(database.locked(REFERENCES))
        await sandbox.release()
        await database.until_blocked()

    async with AsyncExitStack() as stack:
        await _killed_while(shop, settings, answered_but_not_recorded)
        await database.end_connections_of_service()  # a statement that waits would end well without its process
    assert (await shop.refund("k1", amount=6000)).status_code == 202
    await later(MINUTE)
    assert (await shop.refund("k1", amount=6000)).json()["status"] == "succeeded"
    assert await sandbox.count("refunds") == 1
    assert await shop.totals() == (6000, 4000)
