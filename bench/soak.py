"""Webhooks at full rate while the API is killed and PostgreSQL restarted; at the end both sides are compared.

The sender repeats what was not answered with 2xx, so every event must have been applied, and applied once.
"""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import sys
import tempfile
import threading
from pathlib import Path

import httpx

from app.db import migrations
from app.dev.ports import free_port
from app.dev.postgres import EmbeddedPostgres
from bench import client
from bench.database import rows
from bench.stack import STRIPE_KEY, create_key, environment
from bench.stripe_objects import WEBHOOK_SECRET
from bench.traffic import Service
from sandbox.client import SandboxClient
from sandbox.config import SandboxConfig
from sandbox.server import make_server

PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", "2000"))
SHOPPERS = 8
PATIENCE = 900.0  # seconds, for what is still to be delivered at the end
KILLS = 9
KILL_AFTER = (2.0, 6.0)  # seconds; a start takes one or more of them
BACKOFF = (0.1, 0.2, 0.5, 1, 1, 2, 2, 2, 3, 3, 3, 5, 5, 5, 10, 10, 10, 30)


def main() -> None:
    """Print what was compared; fail at the first difference."""
    with tempfile.TemporaryDirectory(prefix="payments-soak-") as folder, EmbeddedPostgres(Path(folder)) as server:
        server.create_database("soak")
        os.environ["DATABASE_URL"] = server.url("soak")
        migrations.upgrade()
        asyncio.run(_soak(server))


async def _soak(server: EmbeddedPostgres) -> None:
    api, stripe = free_port(), free_port()
    url, address = server.url("soak"), f"http://127.0.0.1:{stripe}"
    _start_sandbox(stripe, api)
    known = environment(url, address) | {"STRIPE_TIMEOUT": "PT10S", "CONVERGE_DEADLINE": "PT20S"}
    surroundings = {"PATH": os.environ["PATH"], **known}
    async with SandboxClient(address, timeout=PATIENCE) as sandbox:
        await _until_up(sandbox)
        process = await _serve(api, surroundings)
        await _create(api, url)
        made = [str(row["stripe_id"]) for row in await rows(url, "our payment intents")]
        chaos = asyncio.create_task(_chaos(server, api, surroundings, process))
        await _shop(sandbox, made)
        process = await chaos
        await sandbox.wait_idle(timeout=PATIENCE)
        sent = [int(delivery["attempts"]) for delivery in await sandbox.deliveries()]
        print(f"{len(sent)} deliveries were sent {sum(sent)} times.")
        await _compare(url, sandbox)
        process.terminate()
        await process.wait()


def _start_sandbox(port: int, api: int) -> None:
    config = SandboxConfig(
        secret_key=STRIPE_KEY,
        webhook_url=f"http://127.0.0.1:{api}/v1/stripe/webhook",
        webhook_secret=WEBHOOK_SECRET,
        webhook_backoff=BACKOFF,
        webhook_concurrency=16,
    )
    threading.Thread(target=make_server(config, port=port).run, daemon=True).start()


async def _until_up(sandbox: SandboxClient) -> None:
    while True:
        with contextlib.suppress(httpx.TransportError):
            await sandbox.now()
            return
        await asyncio.sleep(0.05)


async def _create(port: int, url: str) -> None:
    """Create a PaymentIntent for each cart, once the API listens."""
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await http.get("/livez")
                break
            await asyncio.sleep(0.05)
    ours = Service(await create_key(url))
    await client.send(port, itertools.islice(ours.create(), PAYMENTS), connections=SHOPPERS)


async def _shop(sandbox: SandboxClient, made: list[str]) -> None:
    """Let every payment be declined once, then succeed."""
    waiting = list(made)

    async def shopper() -> None:
        while waiting:
            stripe_id = waiting.pop()
            for method in ("pm_card_visa_chargeDeclined", "pm_card_visa"):
                await sandbox.confirm(stripe_id, method)

    await asyncio.gather(*(shopper() for _ in range(SHOPPERS)))


async def _serve(port: int, surroundings: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--port", str(port)),
        env=surroundings,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _chaos(
    server: EmbeddedPostgres, port: int, surroundings: dict[str, str], process: asyncio.subprocess.Process
) -> asyncio.subprocess.Process:
    """Kill the API again and again, restart the database once in a while; return the process that is left alone."""
    chance = random.Random(1)  # noqa: S311 - it disturbs, it guards nothing
    for kills in range(1, KILLS + 1):
        await asyncio.sleep(chance.uniform(*KILL_AFTER))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        if kills % 3 == 2:  # noqa: PLR2004 - every third time
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
        process = await _serve(port, surroundings)
    print(f"The API was killed {KILLS} times, PostgreSQL restarted {(KILLS + 1) // 3} times.")
    return process


async def _compare(url: str, sandbox: SandboxClient) -> None:
    """Compare object by object."""
    found = await sandbox.objects("payment_intents")
    intents = {each["id"]: (each["status"], each["amount_received"]) for each in found}
    charges = {each["id"]: each["status"] for each in await sandbox.objects("charges")}
    events = {each["id"] for each in await sandbox.events()}
    ours = await rows(url, "our payment intents")
    assert {row["stripe_id"]: (row["status"], row["amount_received"]) for row in ours} == intents
    assert {row["charge_id"]: row["status"] for row in await rows(url, "our attempts")} == charges
    told = await rows(url, "our attempts' events")
    assert len(told) == len(charges), "an attempt was told of twice, or never"
    assert {row["id"] for row in await rows(url, "our webhook events")} == events
    assert await rows(url, "references whose events have a gap") == [], "a reference's events have a gap"
    print(f"{len(intents)} payments, {len(charges)} attempts, {len(events)} events: each as at Stripe, each once.")
