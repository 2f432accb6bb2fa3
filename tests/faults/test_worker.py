"""A worker whose database comes late, goes, comes back, and loses its connections."""

import asyncio
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.db.queue import enqueue, job
from app.dev.ports import free_port
from app.payment_intents import recovery
from app.resources import Resources
from app.settings import Settings
from app.worker import CONCURRENCY
from sandbox.client import SandboxClient
from tests.conftest import TLS
from tests.database import Database
from tests.faults.proxy import Proxy
from tests.processes import service_process
from tests.waiting import until
from tests.webhooks.sending import TEN_EUROS, put, send

# Without LISTEN a job waits for the next poll, after 5 s.
AT_ONCE = 2.5

# What is only due: a call for each, two calls a second, while as many as may be done at once are in line.
DUE, PER_SECOND = 40, 2

# The one that has begun to wait for its turn goes first, and those that are sent until a busy machine takes the job.
CALLS_BEFORE = 4


class Worker:
    """A worker's process from outside."""

    def __init__(self, port: int, database: Database, database_url: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._database = database
        self._database_url = database_url

    async def status(self, path: str) -> int:
        try:
            async with httpx.AsyncClient(base_url=self._url, trust_env=False, verify=TLS) as client:
                return (await client.get(path)).status_code
        except httpx.TransportError:
            return 0

    async def until(self, path: str, status: int) -> None:
        async def is_so() -> bool:
            return await self.status(path) == status

        await until(is_so, f"{path} answers {status}", seconds=60)

    async def until_listening(self, *, other_than: int = 0) -> int:
        """Return the server's number of the connection that listens."""
        query = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1' AND state = 'idle'"
        query = f"SELECT max(pid) FROM ({query} AND datname = current_database()) AS l WHERE pid <> {other_than}"  # noqa: S608
        await until(lambda: self._database.value(query), "the worker listens", seconds=30)
        return int(await self._database.value(query))

    async def seconds_for_jobs(self, payment_intent_id: Any) -> float:
        """Return how long two jobs take, after a first one: that may come before the worker hears of jobs."""
        began, done = time.monotonic(), "SELECT count(*) = 0 FROM pgqueuer"
        for number in range(3):
            connection = await asyncpg.connect(self._database_url)
            async with connection.transaction():
                await enqueue(connection, [job("recover", payment_intent_id=payment_intent_id)])
            await connection.close()
            await until(lambda: self._database.value(done), "the job is done", seconds=30)
            began = time.monotonic() if number == 0 else began
        return time.monotonic() - began


async def test_a_worker_outlives_its_database(
    api: httpx.AsyncClient, settings: Settings, proxy: Proxy, database: Database, database_url: str, tmp_path: Path
) -> None:
    await put(api)
    [payment] = await database.payment_intents()
    settings = Settings.model_validate(
        settings.model_dump(exclude_unset=True) | {"worker_metrics_port": free_port(), "log_level": "INFO"}
    )
    assert settings.worker_metrics_port
    worker = Worker(settings.worker_metrics_port, database, database_url)
    proxy.go_away()
    with (tmp_path / "log").open("wb") as log:
        async with service_process(settings, log, "worker") as process:
            await worker.until("/livez", 200)
            assert await worker.status("/readyz") == 503
            proxy.come_back()
            await worker.until("/readyz", 200)
            listening = await worker.until_listening()
            assert await worker.seconds_for_jobs(payment["id"]) < AT_ONCE

            await database.end_connections_of_service()
            listening = await worker.until_listening(other_than=listening)
            assert await worker.seconds_for_jobs(payment["id"]) < AT_ONCE

            proxy.go_away()
            await worker.until("/readyz", 503)
            assert await worker.status("/livez") == 200
            proxy.come_back()
            await worker.until("/readyz", 200)
            await worker.until_listening(other_than=listening)
            assert await worker.seconds_for_jobs(payment["id"]) < AT_ONCE

            proxy.go_away()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
    written = (tmp_path / "log").read_text()
    assert "worker.stopped" in written
    assert "Traceback" not in written, written


@pytest.mark.slow
async def test_a_worker_whose_connections_freeze_makes_new_ones(
    api: httpx.AsyncClient, settings: Settings, proxy: Proxy, database: Database, database_url: str, tmp_path: Path
) -> None:
    await put(api)
    [payment] = await database.payment_intents()
    settings = Settings.model_validate(
        settings.model_dump(exclude_unset=True)
        | {"worker_metrics_port": free_port(), "database_statement_timeout": timedelta(seconds=2)}
    )
    assert settings.worker_metrics_port
    worker = Worker(settings.worker_metrics_port, database, database_url)
    with (tmp_path / "log").open("wb") as log:
        async with service_process(settings, log, "worker") as process:
            await worker.until("/readyz", 200)
            listening = await worker.until_listening()
            proxy.freeze()
            await worker.until_listening(other_than=listening)
            await worker.until("/readyz", 200)
            await worker.seconds_for_jobs(payment["id"])
            assert await worker.seconds_for_jobs(payment["id"]) < AT_ONCE
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_what_a_webhook_asks_for_goes_ahead_of_all_that_is_due(
    api: httpx.AsyncClient, sandbox: SandboxClient, resources: Resources, settings: Settings, database: Database
) -> None:
    for number in range(DUE):
        assert (await api.put(f"/v1/carts/due-{number}/payment-intent", json=TEN_EUROS)).status_code == 201
    await sandbox.wait_idle()
    await database.age(timedelta(hours=25))
    stripe_id = await put(api)
    await sandbox.wait_idle()
    [event] = [each for each in await sandbox.events() if each["data"]["object"]["id"] == stripe_id]
    event["id"] += "_again"
    event["data"]["object"]["status"] = "processing"  # what disagrees is asked about
    await database.take_jobs()  # of the creations' webhooks
    await recovery.sweep(resources)
    await sandbox.clear_requests()
    slow = Settings.model_validate(
        settings.model_dump(exclude_unset=True)
        | {"background_calls_per_second": PER_SECOND, "stripe_timeout": 10, "converge_deadline": 20}
    )
    async with service_process(slow, asyncio.subprocess.DEVNULL, "worker"):

        async def are_in_line() -> bool:
            picked = await database.value("SELECT count(*) FROM pgqueuer WHERE status = 'picked'")
            return picked >= CONCURRENCY and len(await sandbox.requests()) > 1

        await until(are_in_line, "as much of what is due as may be is in line", seconds=60)
        sent = len(await sandbox.requests())
        await send(api, event)

        async def is_asked() -> bool:
            return any(stripe_id in call["path"] for call in await sandbox.requests())

        await until(is_asked, "Stripe is asked about what the webhook said", seconds=30)
        paths = [call["path"] for call in await sandbox.requests()]
        [before, *_] = [number for number, path in enumerate(paths) if stripe_id in path]
        assert before - sent <= CALLS_BEFORE
