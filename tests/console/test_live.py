"""A page hears of changes to its cart, and of no other's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx

from tests.cart import Cart
from tests.console.conftest import SignedIn
from tests.console.visitor import Visitor


@asynccontextmanager
async def listening(visitor: Visitor, url: str) -> AsyncIterator["asyncio.Queue[str]"]:
    """Return the events of a stream as they come; the first, that it is there, is taken."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())

    async def listen(answer: httpx.Response) -> None:
        async for line in answer.aiter_lines():
            if line.startswith("event:"):
                await heard.put(line.partition(":")[2].strip())

    async with visitor.client.stream("GET", url, headers={"Cookie": cookie}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        task = asyncio.create_task(listen(answer))
        try:
            await asyncio.wait_for(heard.get(), 10)
            with suppress(TimeoutError):  # that the watcher has begun is heard too
                await asyncio.wait_for(heard.get(), 1)
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_page_hears_of_its_own_cart_alone(cart: Cart, signed_in: SignedIn) -> None:
    made, other = await cart.owe(), cart.another("/v1/carts/c2")
    visitor = await signed_in()
    async with (
        listening(visitor, f"/console/live?payment={made['id']}") as own,
        listening(visitor, "/console/live") as all_,
    ):
        await other.owe()
        assert await asyncio.wait_for(all_.get(), 10) == "changed"
        assert own.empty()
        await cart.owe(amount=2000)
        assert await asyncio.wait_for(own.get(), 10) == "changed"
