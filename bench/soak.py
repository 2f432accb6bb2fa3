"""Webhooks at full rate while the API is killed and PostgreSQL restarted; at the end both sides are compared.

The sender repeats what was not answered with 2xx, so every event must have been applied, and applied once.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from app.db import migrations
from app.db.engine import create_engine
from app.dev.ports import free_port
from app.dev.postgres import EmbeddedPostgres
from app.settings import DatabaseSettings, Settings
from app.stripe_gateway import StripeGateway, open_gateway
from bench.payments import REQUESTED, SECRET, Payment, insert, payments
from bench.stack import STRIPE_KEY, environment
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
    address = f"http://127.0.0.1:{stripe}"
    _start_sandbox(stripe, api)
    settings = Settings.model_validate(
        {name.lower(): value for name, value in environment(server.url("soak"), address).items()}
    )
    surroundings = {"PATH": os.environ["PATH"], **environment(server.url("soak"), address)}
    async with open_gateway(settings) as gateway, SandboxClient(address, timeout=PATIENCE) as sandbox:
        await _until_up(sandbox)
        made = [await _create(gateway, payment) for payment in payments(PAYMENTS)]
        await insert(server.url("soak"), made)
        chaos = asyncio.create_task(_chaos(server, api, surroundings))
        await _shop(sandbox, made)
        process = await chaos
        await sandbox.wait_idle(timeout=PATIENCE)
        sent = [int(delivery["attempts"]) for delivery in await sandbox.deliveries()]
        print(f"{len(sent)} deliveries were sent {sum(sent)} times.")
        await _compare(server.url("soak"), sandbox)
        process.terminate()
        await process.wait()


def _start_sandbox(port: int, api: int) -> None:
    config = SandboxConfig(
        secret_key=STRIPE_KEY,
        webhook_url=f"http://127.0.0.1:{api}/v1/stripe/webhook",
        webhook_secret=SECRET,
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


async def _create(gateway: StripeGateway, payment: Payment) -> Payment:
    """Create it at the sandbox, as the API would have."""
    params = {"amount": 1000, "currency": "eur", "metadata": payment.marks.of(REQUESTED, 1)}
    snapshot = await gateway.create_payment_intent(params, key=str(payment.id))
    return Payment(payment.id, snapshot.id, payment.cart)


async def _shop(sandbox: SandboxClient, made: list[Payment]) -> None:
    """Let every payment be declined once, then succeed."""
    waiting = list(made)

    async def shopper() -> None:
        while waiting:
            payment = waiting.pop()
            for method in ("pm_card_visa_chargeDeclined", "pm_card_visa"):
                await sandbox.confirm(payment.stripe_id, method)

    await asyncio.gather(*(shopper() for _ in range(SHOPPERS)))


async def _serve(port: int, surroundings: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--port", str(port)),
        env=surroundings,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _chaos(server: EmbeddedPostgres, port: int, surroundings: dict[str, str]) -> asyncio.subprocess.Process:
    """Kill the API again and again, and restart the database once in a while; give the process that is left alone."""
    chance = random.Random(1)  # noqa: S311 - it disturbs, it guards nothing
    process = await _serve(port, surroundings)
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
    engine = create_engine(DatabaseSettings.model_validate({"database_url": url}))
    async with engine.connect() as connection:

        async def rows(sql: str) -> list[Any]:
            return list(await connection.execute(text(sql)))

        ours = await rows("SELECT stripe_id, status, amount_received FROM payment_intents")
        assert {row[0]: (row[1], row[2]) for row in ours} == intents
        assert dict(map(tuple, await rows("SELECT charge_id, status FROM payment_attempts"))) == charges
        told = await rows("SELECT payment_intent_id FROM events WHERE type LIKE 'payment_attempt.%'")
        assert len(told) == len(charges), "an attempt was told of twice, or never"
        stored = {row[0] for row in await rows("SELECT id FROM webhook_events")}
        assert stored == events
        gaps = await rows(
            "SELECT reference_id FROM events GROUP BY reference_kind, reference_id HAVING max(sequence) <> count(*)"
        )
        assert gaps == [], "a reference's events have a gap"
    await engine.dispose()
    print(f"{len(intents)} payments, {len(charges)} attempts, {len(events)} events: each as at Stripe, each once.")


if __name__ == "__main__":
    main()
