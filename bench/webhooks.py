"""How many events a second one API process takes, beside two peers in the same run.

Each payment has five events of 4 kB. Ratios count, not figures: machines differ.
"""

import asyncio
import os
import time
from collections import deque
from urllib.parse import urlsplit

from app.db import migrations
from app.dev.postgres import EmbeddedPostgres, temporary_postgres
from bench.payments import bodies, insert, payments, request
from bench.stack import environment, running

PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", "300"))
CONNECTIONS = (8, 32)
NO_STRIPE = "http://127.0.0.1:9"  # nothing listens there: no event may need Stripe
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
    migrations.upgrade()
    return asyncio.run(_measure(url, CONTENDERS[name], connections))


async def _measure(url: str, command: list[str], connections: int) -> float:
    made = payments(PAYMENTS)
    await insert(url, made)
    asyncpg_url = url.replace("+asyncpg", "") if "uvicorn" in command else url
    async with running(*command, **environment(asyncpg_url, NO_STRIPE)) as address:
        port = urlsplit(address).port or 0
        warm, rest = made[: PAYMENTS // 10], made[PAYMENTS // 10 :]
        await send(port, [request(body) for payment in warm for body in bodies(payment)], connections)
        requests = [request(body) for payment in rest for body in bodies(payment)]
        began = time.perf_counter()
        await send(port, requests, connections)
        return len(requests) / (time.perf_counter() - began)


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
