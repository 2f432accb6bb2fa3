"""Background calls keep to a share of Stripe's limit."""

import asyncio
import time

from app.resources import open_resources
from app.settings import Settings
from app.stripe_gateway import open_gateway
from app.stripe_gateway.errors import StripeNotReached
from app.stripe_gateway.rate_limiter import RateLimiter
from sandbox.client import SandboxClient


async def test_background_calls_keep_to_their_rate(settings: Settings, sandbox: SandboxClient) -> None:
    slow = settings.model_copy(update={"background_calls_per_second": 20})
    async with open_resources(slow, is_background=True) as resources:
        began = time.monotonic()
        await asyncio.gather(*(resources.stripe.list_charges("pi_none") for _ in range(11)))
    assert time.monotonic() - began >= 0.5


async def test_background_calls_that_wait_too_long_are_not_sent(settings: Settings, sandbox: SandboxClient) -> None:
    slow = settings.model_copy(update={"max_stripe_calls": 10, "background_calls_per_second": 1})
    async with open_gateway(slow, is_background=True) as gateway:
        calls = (gateway.retrieve_account() for _ in range(6))
        ended = await asyncio.gather(*calls, return_exceptions=True)
    late = [end for end in ended if isinstance(end, StripeNotReached)]
    assert late
    assert len(await sandbox.requests()) == len(ended) - len(late)


async def test_a_cancelled_wait_uses_up_no_call() -> None:
    limiter = RateLimiter(per_second=2)
    await limiter.acquire()
    impatient = [asyncio.create_task(limiter.acquire()) for _ in range(40)]
    last = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    for each in impatient:
        each.cancel()
    async with asyncio.timeout(10):  # theirs would take twice as long
        await last


async def test_what_nobody_waits_for_lets_all_others_go_first() -> None:
    limiter, order = RateLimiter(per_second=100), list[str]()

    async def call(name: str, *, is_unhurried: bool) -> None:
        await limiter.acquire(is_unhurried=is_unhurried)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(call(f"due {number}", is_unhurried=True))
        await asyncio.sleep(0)
        for number in range(3):
            group.create_task(call(f"urgent {number}", is_unhurried=False))
    assert order[:4] == ["due 0", "urgent 0", "urgent 1", "urgent 2"]
    assert len(order) == 33
