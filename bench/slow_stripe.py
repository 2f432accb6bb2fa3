"""What reads and webhooks feel while Stripe answers none of 300 PUTs in flight, over a pool of 10 connections."""

import asyncio
import math

from app.dev.postgres import EmbeddedPostgres, temporary_postgres
from bench.stack import SandboxStack, event, sandbox_stack, timed

PUTS, WAVE = 300, 20
COUNT, AT_ONCE = 100, 4
GOAL = 3.0
OK = 200


def main() -> None:
    """Print the p99 of reads and webhooks in the storm as multiples of their quiet ones."""
    with temporary_postgres() as server:
        asyncio.run(_measure(server))


async def _measure(server: EmbeddedPostgres) -> None:
    async with sandbox_stack(server, "slow_stripe") as service:
        cart = f"{service.api}/v1/carts/quiet/payment-intent"
        async with service.client.put(cart, json={"amount": 1000, "currency": "eur"}) as answer:
            assert answer.ok, await answer.text()
        await _both(service, cart)  # warm
        quiet = await _both(service, cart)
        await service.sandbox.hold("/v1/payment_intents", method="POST")
        storm: list[asyncio.Task[None]] = []
        while len(storm) < PUTS:  # not all at once: what the PUTs cost before their call is not what is measured
            storm += [asyncio.create_task(_put(service, len(storm) + number)) for number in range(WAVE)]
            while await service.sandbox.held() < len(storm):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.05)
        stormy = await _both(service, cart)
        in_flight = sum(not put.done() for put in storm)
        for name, calm, rough in zip(("reads", "webhooks"), quiet, stormy, strict=True):
            print(
                f"{name}: p99 {rough * 1000:.1f} ms with {in_flight} PUTs in flight, {calm * 1000:.1f} ms quiet:"
                f" {rough / calm:.2f} x (goal < {GOAL:.0f})"
            )
        for put in storm:
            put.cancel()
        await asyncio.gather(*storm, return_exceptions=True)


async def _put(service: SandboxStack, number: int) -> None:
    url = f"{service.api}/v1/carts/storm-{number}/payment-intent"
    async with service.client.put(url, json={"amount": 1000, "currency": "eur"}) as answer:
        await answer.read()


async def _both(service: SandboxStack, cart: str) -> tuple[float, float]:
    """Return the p99 of reads and of webhooks."""
    intent = (await service.sandbox.objects("payment_intents"))[0]

    async def read(_: int) -> None:
        async with service.client.get(cart) as answer:
            assert answer.status == OK, await answer.text()

    async def webhook(_: int) -> None:
        body, headers = event(intent)
        async with service.client.post(f"{service.api}/v1/stripe/webhook", data=body, headers=headers) as answer:
            assert answer.status == OK, await answer.text()

    reads = await timed(read, COUNT, at_once=AT_ONCE)
    webhooks = await timed(webhook, COUNT, at_once=AT_ONCE)
    return _p99(reads), _p99(webhooks)


def _p99(taken: list[float]) -> float:
    return taken[min(len(taken) - 1, math.ceil(len(taken) * 0.99) - 1)]
