"""A client that keeps so many connections busy: each sends its next request once the last one is answered."""

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import httptools

HTTP_OK, HTTP_REDIRECT = 200, 300
LONGEST = 1800  # seconds, for one call of `send`


class UnexpectedAnswer(Exception):
    """A request was not answered with 2xx: what is measured then is not what is meant."""


@dataclass(slots=True)
class Measured:
    """How long the whole took, and each answer, in seconds."""

    began: float = field(default_factory=time.perf_counter)
    ended: float = 0.0
    taken: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def per_second(self) -> float:
        return len(self.taken) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the time in which this share of the requests was answered."""
        taken = sorted(self.taken)
        return taken[min(len(taken) - 1, math.ceil(len(taken) * share) - 1)]


async def send(
    port: int, requests: Iterator[bytes], *, connections: int, seconds: float = math.inf, is_keeping: bool = False
) -> Measured:
    """Send the requests, until they or the seconds are over. Raises UnexpectedAnswer.

    The bodies of the answers are kept when that is asked for.
    """
    run = _Run(requests, seconds, is_keeping=is_keeping)
    loop = asyncio.get_running_loop()
    run.left = connections
    try:
        async with asyncio.timeout(LONGEST):
            for _ in range(connections):
                await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port)
            await run.finished
    finally:
        for transport in run.transports:
            transport.abort()
    return run.measured


class _Run:
    def __init__(self, requests: Iterator[bytes], seconds: float, *, is_keeping: bool) -> None:
        self.measured = Measured()
        self.finished = asyncio.get_running_loop().create_future()
        self.left = 0
        self.transports: list[asyncio.Transport] = []
        self.is_keeping = is_keeping
        self._requests = requests
        self._until = self.measured.began + seconds

    def next_request(self) -> bytes | None:
        return next(self._requests, None) if time.perf_counter() < self._until else None

    def answered(self, began: float, body: bytes) -> None:
        self.measured.ended = time.perf_counter()
        self.measured.taken.append(self.measured.ended - began)
        if self.is_keeping:
            self.measured.bodies.append(body)

    def connection_ended(self) -> None:
        self.left -= 1
        if not self.left and not self.finished.done():
            self.finished.set_result(None)

    def failed(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(UnexpectedAnswer(reason))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none by inheritance
        self._run.transports.append(self._transport)
        self._send()

    def _send(self) -> None:
        request = self._run.next_request()
        if request is None:
            self._transport.close()
            return
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        self._is_waiting = True
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._is_waiting = False
        status = self._parser.get_status_code()
        if HTTP_OK <= status < HTTP_REDIRECT:
            self._run.answered(self._began, self._body)
            asyncio.get_running_loop().call_soon(self._send)
        else:
            self._run.failed(f"{status}: {self._body.decode(errors='replace')}")
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_waiting:
            self._run.failed(f"the connection was closed before the answer: {error}")
        self._run.connection_ended()
