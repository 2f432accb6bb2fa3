"""The worker is put together here: which job calls which service, and when."""

import asyncio
import json
import signal
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.models import Job

from app.payment_intents import service as payment_intents
from app.resources import Resources, open_resources
from app.settings import Settings

log = structlog.get_logger()

# A job whose worker died is taken by another after so long without a heartbeat.
HEARTBEAT_TIMEOUT = timedelta(seconds=30)

CONCURRENCY = 20


def register(queue: PgQueuer, resources: Resources) -> None:
    """Say which service does which job. A job that fails is kept, for a person to look at."""

    @queue.entrypoint("converge", concurrency_limit=CONCURRENCY, on_failure="hold")
    async def converge(job: Job) -> None:
        ids = json.loads(job.payload or b"{}")
        await payment_intents.converge(resources, UUID(ids["payment_intent_id"]))


async def run(settings: Settings) -> None:
    """Do jobs until SIGTERM or SIGINT, then finish those under way."""
    url = settings.database_url.get_secret_value().replace("postgresql+asyncpg://", "postgresql://", 1)
    async with (
        open_resources(settings) as resources,
        asyncpg.create_pool(url, min_size=2, max_size=5) as pool,
    ):
        queue = PgQueuer.from_asyncpg_pool(pool)
        register(queue, resources)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, queue.shutdown.set)
        log.info("worker.started")
        with suppress(asyncio.CancelledError):
            await queue.run(dequeue_timeout=timedelta(seconds=5), heartbeat_timeout=HEARTBEAT_TIMEOUT)
        log.info("worker.stopped")
