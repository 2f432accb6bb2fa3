"""Waiting that ends: for a condition, for at most so long, with a failure that says what was waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from sandbox.client import SandboxClient


async def until(condition: Callable[[], Awaitable[object]], what: str, *, seconds: float = 10) -> None:
    """Return as soon as the condition holds, and fail when it does not within these seconds."""
    bound = asyncio.timeout(seconds)
    try:
        async with bound:
            while not await condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        if not bound.expired():
            raise
        raise AssertionError(f"This did not happen within {seconds} s: {what}.") from None


async def until_held(sandbox: SandboxClient, count: int = 1, *, seconds: float = 10) -> None:
    """Return once the sandbox holds at least so many requests."""

    async def are_held() -> bool:
        return await sandbox.held() >= count

    await until(are_held, f"Stripe holds {count} request(s)", seconds=seconds)


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 20) -> None:
    """As `until`, for tests without an event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"This did not happen within {seconds} s: {what}.")
        time.sleep(0.02)
