"""A TCP proxy that stands between a process and PostgreSQL, and does what networks do to connections."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

CHUNK = 1 << 16


class Link:
    """One connection through the proxy: it passes bytes on, late or not at all."""

    def __init__(self, writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self.writers = writers
        self.passes = asyncio.Event()
        self.passes.set()

    def cut(self) -> None:
        """End it as a reset does: without another word."""
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Passes connections on to a server, until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._server_address = (host, port)
        self._links: list[Link] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open_frozen = False
        self._is_away = False
        self.delay = 0.0
        self.accepted = 0
        self.port = 0

    @property
    def links(self) -> list[Link]:
        """Return the connections that are open, oldest first."""
        self._links = [link for link in self._links if not any(writer.is_closing() for writer in link.writers)]
        return self._links

    def freeze(self, count: int | None = None, *, new_ones_too: bool = False) -> None:
        """Pass on nothing more on the present connections, or on so many of them: they stay open, without a word."""
        self._is_open_frozen = new_ones_too
        for link in self.links[:count]:
            link.passes.clear()

    def thaw(self) -> None:
        self._is_open_frozen = False
        for link in self.links:
            link.passes.set()

    def cut(self) -> int:
        """Reset the present connections; return how many."""
        links = list(self.links)
        for link in links:
            link.cut()
        return len(links)

    def go_away(self) -> None:
        """Reset the present connections, and each new one as soon as it comes."""
        self._is_away = True
        self.cut()

    def come_back(self) -> None:
        self._is_away = False

    def url(self, direct: str) -> str:
        """Return the address of the same database through this proxy."""
        place = urlsplit(direct).netloc.rpartition("@")[2]
        return direct.replace(place, f"127.0.0.1:{self.port}")

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._is_away:
            writer.transport.abort()
            return
        try:
            first = await self._greet(reader, writer)
            server_reader, server_writer = await asyncio.open_connection(*self._server_address)
        except (OSError, EOFError):
            writer.transport.abort()
            return
        server_writer.write(first)
        link = Link((writer, server_writer))
        if self._is_open_frozen:
            link.passes.clear()
        self._links.append(link)
        for source, target in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._pass_on(link, source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _greet(self, _: asyncio.StreamReader, __: asyncio.StreamWriter) -> bytes:
        """Do what comes before all else with a client; return what the server is to hear of it."""
        return b""

    async def _pass_on(self, link: Link, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await link.passes.wait()
                target.write(data)
                await target.drain()
        if link.passes.is_set():  # of a frozen connection neither side hears that the other has closed it
            link.cut()

    async def close(self) -> None:
        for link in self._links:
            link.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class TlsProxy(Proxy):
    """Speaks TLS for a server that can't, as PostgreSQL does: the client asks whether it may."""

    REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port)
        self._context = context
        self.encrypted = 0

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        first = await reader.readexactly(len(self.REQUEST))
        if first != self.REQUEST:
            return first
        writer.write(b"S")
        await writer.start_tls(self._context)
        self.encrypted += 1
        return b""


def place_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """Open a proxy to the server of a database's address."""
    async with opened(Proxy(*place_of(url))) as proxy:
        yield proxy


P = TypeVar("P", bound=Proxy)


@asynccontextmanager
async def opened(proxy: P) -> AsyncIterator[P]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.port = listener.getsockname()[1]
        server = await asyncio.start_server(proxy.accept, sock=listener)
        try:
            yield proxy
        finally:
            await proxy.close()
            server.close()
