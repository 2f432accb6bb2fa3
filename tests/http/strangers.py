"""What strangers send to do harm, from a process of their own: they take no time from whom a test measures."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.http.raw import connect, request

CART = "/v1/carts/c1/payment-intent"
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")
SIGNED = f"Stripe-Signature: t=1790000000,v1={'0' * 64}"
CROWD = 12  # strangers, from as many addresses
PAUSE_SECONDS = 0.2
MEGABYTE = 1024 * 1024

Stranger = Callable[[str, str], Awaitable[None]]


async def long_paths(url: str, source: str) -> None:
    async with connect(url, source) as connection:
        await connection.send(request("GET", "/" + "eyJ-" * 15_000))
        await connection.answer()


async def endless_trailers(url: str, source: str) -> None:
    async with connect(url, source) as connection:
        await connection.send(request("PUT", CART, *CHUNKED, body=b"2\r\n{}\r\n0\r\n"))
        for _ in range(5):
            await connection.send(b"a:\r\n" * 10_000)
        await connection.answer()


async def wrong_keys(url: str, source: str) -> None:
    async with connect(url, source) as connection:
        for number in range(20):
            await connection.send(request("GET", CART, f"Authorization: Bearer pay_{number:016x}_{'0' * 64}"))
            await connection.answer()


async def unsigned_webhooks(url: str, source: str) -> None:
    async with connect(url, source) as connection:
        await connection.send(
            request("POST", "/v1/stripe/webhook", f"Content-Length: {MEGABYTE}", body=b"x" * MEGABYTE)
        )
        await connection.answer()


async def unfinished_webhooks(url: str, source: str) -> None:
    async with connect(url, source) as connection:
        head = request("POST", "/v1/stripe/webhook", SIGNED, f"Content-Length: {MEGABYTE}")
        await connection.send(head + b"x" * (MEGABYTE - 1))
        await connection.answer()


async def stalled_requests(url: str, source: str) -> None:
    async with connect(url, source) as connection:
        await connection.send(b"POST /v1/stripe/webhook HTTP/1.1\r\nHost: test\r\nX-A: ")
        await connection.answer()


STRANGERS: tuple[Stranger, ...] = (
    long_paths,
    endless_trailers,
    wrong_keys,
    unsigned_webhooks,
    unfinished_webhooks,
    stalled_requests,
)


def flood(stranger: Stranger, url: str, seconds: float) -> int:
    """Let the crowd do this for so long; return how often it was done to its end."""
    return asyncio.run(_flood(stranger, url, seconds))


async def _flood(stranger: Stranger, url: str, seconds: float) -> int:
    done = 0

    async def repeat(source: str) -> None:
        nonlocal done
        while True:
            with suppress(OSError, EOFError):  # the service has closed the connection
                await stranger(url, source)
            done += 1
            await asyncio.sleep(PAUSE_SECONDS)

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as crowd:
            for number in range(1, CROWD + 1):
                crowd.create_task(repeat(f"127.0.1.{number}"))
    return done


def give_way() -> None:
    """Run after everybody else on the machine, as strangers' own machines take nothing from it."""
    os.nice(10)
