"""The gateway alone, before the sandbox, or before a Stripe that answers each connection as it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from app.settings import Settings
from app.stripe_gateway import StripeGateway, open_gateway

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

INTENT = b'{"id": "pi_1", "object": "payment_intent", "status": "canceled", "amount": 1, "currency": "eur"}'


class Script:
    """What to do with each connection, one after the other; the last goes on for ever."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours: Iterator[Behaviour] = iter(behaviours)
        self._last = behaviours[-1]
        self.connections: set[asyncio.Task[None]] = set()
        self.times: list[float] = []
        self.keys: set[bytes] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(asyncio.create_task(self._behave(reader, writer)))

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):  # the client may be gone already
            head = await reader.readuntil(b"\r\n\r\n")
            self.times.append(asyncio.get_running_loop().time())
            self.keys |= {line for line in head.split(b"\r\n") if line.lower().startswith(b"idempotency-key")}
            await next(self._behaviours, self._last)(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def answer(status: int, body: bytes = INTENT, *headers: bytes) -> Behaviour:
    """Answer, and close the connection."""
    length = b"Content-Length: %d" % len(body)
    head = b"\r\n".join([b"HTTP/1.1 %d Told" % status, length, b"Connection: close", *headers])

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"\r\n\r\n" + body)
        await writer.drain()

    return behave


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Answer nothing until the client has gone."""
    while await reader.read(1000):
        pass


async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


Play = Callable[..., Awaitable[tuple[StripeGateway, Script]]]


@pytest.fixture
async def play(settings: Settings) -> AsyncIterator[Play]:
    """Return a function that starts a Stripe of these behaviours and a gateway with this timeout."""
    opened = []

    async def begin(*behaviours: Behaviour, seconds: float = 10) -> tuple[StripeGateway, Script]:
        script = Script(*behaviours)
        server = await asyncio.start_server(script, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        changes = {"stripe_api_base": address, "stripe_timeout": timedelta(seconds=seconds)}
        connected = open_gateway(settings.model_copy(update=changes))
        gateway = await connected.__aenter__()
        opened.append((script, server, connected))
        return gateway, script

    yield begin
    for script, server, connected in opened:
        await connected.__aexit__(None, None, None)
        server.close()
        await asyncio.gather(*script.connections)
