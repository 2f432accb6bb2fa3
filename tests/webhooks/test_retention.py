"""The ids of old events are removed from time to time."""

import asyncio

import pytest

from app.resources import Resources
from app.webhooks import retention
from tests.database import Database


async def test_old_events_are_forgotten_in_batches_and_no_lock_is_waited_for(
    resources: Resources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    await database.add_webhook_events(range(27, 36))
    async with database.locked("SELECT 1 FROM webhook_events WHERE id = 'evt_33' FOR UPDATE"):
        removed = await asyncio.wait_for(retention.purge(resources), 5)
    left = {event["id"] for event in await database.webhook_events()}
    assert left == {"evt_27", "evt_28", "evt_29", "evt_33"}
    assert removed == 5
