"""How many events a second one API process takes, beside two peers in the same run.

Each payment has five events of 4 kB. Ratios count, not figures: machines differ.
"""

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app import migrate
from app.dev.ports import free_port
from app.dev.postgres import EmbeddedPostgres, temporary_postgres
from bench.payments import INSTANCE, SECRET, bodies, insert, payments, request

PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", "300"))
CONNECTIONS = (8, 32)
CONTENDERS = {
    "service": ["-m", "app", "serve", "--port"],
    "sample": ["-m", "uvicorn", "bench.webhook_peers:sample", "--no-access-log", "--log-level", "warning", "--port"],
    "by hand": ["-m", "uvicorn", "bench.webhook_peers:by_hand", "--no-access-log", "--log-level", "warning", "--port"],
}
GOALS = {"sample": 2.5, "by hand": 0.4}


def main() -> None:
    """Print the figures and the ratios."""
    with temporary_postgres() as server:
        for connections in CONNECTIONS:
            rates = {name: _rate(server, name, connections) for name in CONTENDERS}
            line = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
            ratios = ", ".join(
                f"{rates['service'] / rates[peer]:.2f} x {peer} (goal {goal})" for peer, goal in GOALS.items()
            )
            print(f"{connections} connections: {line} events/s; {ratios}")


def _rate(server: EmbeddedPostgres, name: str, connections: int) -> float:
    database = f"bench_{name.replace(' ', '_')}_{connections}"
    server.create_database(database)
    url = server.url(database)
    os.environ["DATABASE_URL"] = url
    migrate.upgrade()
    return asyncio.run(_measure(url, CONTENDERS[name], connections))


async def _measure(url: str, command: list[str], connections: int) -> float:
    made = payments(PAYMENTS)
    await insert(url, made)
    async with serving(url, command) as port:
        warm, rest = made[: PAYMENTS // 10], made[PAYMENTS // 10 :]
        await send(port, [request(body) for payment in warm for body in bodies(payment)], connections)
        requests = [request(body) for payment in rest for body in bodies(payment)]
        began = time.perf_counter()
        await send(port, requests, connections)
        return len(requests) / (time.perf_counter() - began)


@asynccontextmanager
async def serving(url: str, command: list[str]) -> AsyncIterator[int]:
    """Run one process that serves webhooks; give its port."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url.replace("+asyncpg", "") if "uvicorn" in command else url,
        "INSTANCE": INSTANCE,
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": "http://127.0.0.1:9",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, str(port)), env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        while not await _listens(port):
            assert process.returncode is None, "it did not start"
            await asyncio.sleep(0.05)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def send(port: int, requests: list[bytes], connections: int) -> None:
    """Send all requests over so many connections, each next as soon as one is answered with 200."""
    waiting = deque(requests)
    await asyncio.gather(*(_send(port, waiting) for _ in range(connections)))


async def _send(port: int, waiting: deque[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while waiting:
        writer.write(waiting.popleft())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        assert head.startswith(b"http/1.1 200"), body
    writer.close()


if __name__ == "__main__":
    main()
