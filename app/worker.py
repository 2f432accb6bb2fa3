"""The worker is put together here: which job calls which service, and when."""

import asyncio
import json
import logging
import signal
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from pgqueuer import PgQueuer, RetryRequested
from pgqueuer.models import Job, Schedule

from app.console import sessions as console_sessions
from app.db import queue as queue_log
from app.db.connect import direct_connector
from app.db.engine import Database
from app.db.errors import DatabaseUnavailable
from app.db.queue_driver import QueueDriver
from app.disputes import recording as disputes
from app.domain_events import feed
from app.domain_events import retention as domain_event_retention
from app.errors import Unavailable
from app.figures import counting
from app.figures.writing import writing
from app.http.worker_health import serve_health, why_not_ready
from app.notifications import dispatcher
from app.notifications import repository as notifications
from app.notifications import retention as notification_retention
from app.observability.metrics import FEED_LAG, OLDEST_DELIVERY
from app.payment_intents import recovery
from app.payment_intents.protocol.state import Actor
from app.reconcile import service as reconcile
from app.refunds import finishing as refunds
from app.resources import Resources, open_resources
from app.settings import Settings
from app.stripe_account import service as stripe_account
from app.webhooks import retention

log = structlog.get_logger()

# A job whose worker died is taken by another after so long without a heartbeat.
HEARTBEAT_TIMEOUT = timedelta(seconds=30)

CONCURRENCY = 20

# So often an absent or unmigrated database is looked for.
DATABASE_PAUSE_SECONDS = 1.0

# So often each worker looks how long events and notifications wait.
LAG_PAUSE_SECONDS = 15.0

# Periodic jobs run once among all replicas.
EVERY_MINUTE = "* * * * *"
EVERY_FIVE_MINUTES = "*/5 * * * *"
EVERY_HOUR = "17 * * * *"
HALF_AN_HOUR_LATER = "47 * * * *"


def register(queue: PgQueuer, resources: Resources) -> None:
    """Say which service does which job.

    A job that fails is dropped: the rows keep what is to be done, and the next sweep finds it again.
    """
    _register_jobs(queue, resources)
    _register_schedules(queue, resources)
    _register_upkeep(queue, resources)


def _register_jobs(queue: PgQueuer, resources: Resources) -> None:
    unhurried = resources.unhurried()

    @queue.entrypoint("recover", concurrency_limit=CONCURRENCY)
    async def recover(job: Job) -> None:
        await recovery.recover(resources, _id(job, "payment_intent_id"))

    @queue.entrypoint("recover_due", concurrency_limit=CONCURRENCY)
    async def recover_due(job: Job) -> None:
        await recovery.recover(unhurried, _id(job, "payment_intent_id"))

    @queue.entrypoint("adopt", concurrency_limit=CONCURRENCY)
    async def adopt(job: Job) -> None:
        await reconcile.adopt(resources, _ids(job)["stripe_id"])

    @queue.entrypoint("sync_disputes", concurrency_limit=CONCURRENCY)
    async def sync_disputes(job: Job) -> None:
        try:
            await disputes.sync(resources, _id(job, "payment_intent_id"))
        except Unavailable as error:  # as with refunds: nothing else tells that Stripe must be asked
            raise RetryRequested(resources.settings.stripe_timeout) from error

    @queue.entrypoint("finish_refund", concurrency_limit=CONCURRENCY)
    async def finish_refund(job: Job) -> None:
        await refunds.finish(resources, _id(job, "refund_id"))

    @queue.entrypoint("sync_refunds", concurrency_limit=CONCURRENCY)
    async def sync_refunds(job: Job) -> None:
        try:
            await refunds.sync(resources, _id(job, "payment_intent_id"), Actor("job:sync_refunds"))
        except Unavailable as error:  # no row tells that Stripe must be asked, so the job itself stays
            raise RetryRequested(resources.settings.stripe_timeout) from error


def _register_schedules(queue: PgQueuer, resources: Resources) -> None:
    @queue.schedule("reconcile", EVERY_FIVE_MINUTES)
    async def reconcile_(_: Schedule) -> None:
        await reconcile.reconcile(resources.unhurried())

    @queue.schedule("reconcile_recent", HALF_AN_HOUR_LATER)
    async def reconcile_recent(_: Schedule) -> None:
        await reconcile.reconcile_recent(resources.unhurried())

    @queue.schedule("check_stripe_account", EVERY_FIVE_MINUTES)
    async def check_stripe_account(_: Schedule) -> None:
        await stripe_account.check(resources.unhurried())  # it is remembered though Stripe did not answer at the start

    @queue.schedule("sweep", EVERY_MINUTE)
    async def sweep_(_: Schedule) -> None:
        await recovery.sweep(resources)

    @queue.schedule("sweep_refunds", EVERY_MINUTE)
    async def sweep_refunds(_: Schedule) -> None:
        await refunds.sweep(resources)


def _register_upkeep(queue: PgQueuer, resources: Resources) -> None:
    @queue.schedule("purge_webhook_events", EVERY_HOUR)
    async def purge_webhook_events(_: Schedule) -> None:
        await retention.purge_events(resources)

    @queue.schedule("count_figures", EVERY_MINUTE)
    async def count_figures(_: Schedule) -> None:
        await counting.count(resources)

    @queue.schedule("purge_figures", EVERY_HOUR)
    async def purge_figures(_: Schedule) -> None:
        await counting.purge_old(resources)

    @queue.schedule("purge_console_sessions", EVERY_HOUR)
    async def purge_console_sessions(_: Schedule) -> None:
        await console_sessions.purge(resources.database)

    @queue.schedule("purge_domain_events", EVERY_HOUR)
    async def purge_domain_events(_: Schedule) -> None:
        await domain_event_retention.purge_events(resources)

    @queue.schedule("purge_notifications", EVERY_HOUR)
    async def purge_notifications(_: Schedule) -> None:
        await notification_retention.purge_deliveries(resources)

    @queue.schedule("purge_queue_log", EVERY_HOUR)
    async def purge_queue_log(_: Schedule) -> None:
        await queue_log.purge_log(resources.database)


def _id(job: Job, name: str) -> UUID:
    return UUID(_ids(job)[name])


def _ids(job: Job) -> dict[str, str]:
    ids: dict[str, str] = json.loads(job.payload or b"{}")
    return ids


async def run(settings: Settings) -> None:
    """Do jobs until SIGTERM or SIGINT, then finish those under way. An absent database is waited for."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    logging.getLogger("pgqueuer").addFilter(_without_known_traceback)
    async with (
        open_resources(settings, is_background=True) as resources,
        writing(resources.database),
        serve_health(resources.database, settings.worker_metrics_port),
    ):
        if await _is_ready(resources.database, stop):
            await _do_jobs(resources, stop)
        log.info("worker.stopped")


async def _is_ready(database: Database, stop: asyncio.Event) -> bool:
    """Wait until the database is there and migrated; return False when the worker stops before."""
    reason = ""
    while not stop.is_set():
        code = await why_not_ready(database)
        if code is None:
            return True
        if code != reason:
            log.warning("worker.waits", code=code)
            reason = code
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), DATABASE_PAUSE_SECONDS)
    return False


async def _measure_lags(database: Database) -> None:
    while True:
        with suppress(DatabaseUnavailable):
            FEED_LAG.set(await feed.lag_seconds(database))
            OLDEST_DELIVERY.set(await notifications.oldest_pending_seconds(database))
        await asyncio.sleep(LAG_PAUSE_SECONDS)


async def _do_jobs(resources: Resources, stop: asyncio.Event) -> None:
    driver = QueueDriver(resources.database, direct_connector(resources.settings), stop)
    queue = PgQueuer(driver)
    queue.shutdown = queue.qm.shutdown = queue.sm.shutdown = stop
    register(queue, resources)
    log.info("worker.started")
    lags = asyncio.create_task(_measure_lags(resources.database))
    sending = asyncio.create_task(dispatcher.run(resources, stop))
    try:
        await queue.run(dequeue_timeout=timedelta(seconds=5), heartbeat_timeout=HEARTBEAT_TIMEOUT)
    except asyncio.CancelledError:
        log.info("worker.jobs_canceled")
    except DatabaseUnavailable:  # raised only while it stops: whoever takes the jobs next does them again
        log.warning("worker.stopped_without_database")
    finally:
        lags.cancel()
        await sending


def _without_known_traceback(record: logging.LogRecord) -> bool:
    """Leave out the traceback of an error that says all by itself."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, Unavailable):
        record.msg, record.args = f"{record.getMessage()} ({error.code})", ()
        record.exc_info = None
    return True
