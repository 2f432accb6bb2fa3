"""What grows with each event and each job is removed from time to time."""

import asyncio

import pytest

from app.db import purging, queue
from app.resources import Resources
from app.webhooks import retention
from tests.database import Database


async def test_old_events_are_forgotten_in_batches_and_no_lock_is_waited_for(
    resources: Resources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    await database.add_webhook_events(range(27, 36))
    async with database.locked("SELECT 1 FROM webhook_events WHERE id = 'evt_33' FOR UPDATE"):
        removed = await asyncio.wait_for(retention.purge_events(resources), 5)
    left = {event["id"] for event in await database.webhook_events()}
    assert left == {"evt_27", "evt_28", "evt_29", "evt_33"}
    assert removed == 5


async def test_what_the_queue_logs_of_jobs_is_forgotten_after_a_day(resources: Resources, database: Database) -> None:
    await database.execute("DELETE FROM pgqueuer_log")
    async with resources.database.transaction() as connection:
        await queue.enqueue(connection, [queue.job("adopt", stripe_id=f"pi_{number}") for number in range(3)])
    await database.execute(
        "UPDATE pgqueuer_log SET created = created - interval '1 day' WHERE id > (SELECT min(id) FROM pgqueuer_log)"
    )
    assert await queue.purge_log(resources.database) == 2
    assert await database.value("SELECT count(*) FROM pgqueuer_log") == 1
    await database.execute("DELETE FROM pgqueuer")
