"""The ids of old events are removed from time to time."""

import asyncio

import pytest
from sqlalchemy import text

from app.resources import Resources
from app.webhooks import retention


async def test_old_events_are_forgotten_in_batches_and_no_lock_is_waited_for(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    async with resources.sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO webhook_events (id, type, created, received_at, outcome)"
                " SELECT 'evt_' || day, 'x', now(), now() - day * interval '1 day', 'ignored'"
                " FROM generate_series(27, 35) AS day"
            )
        )
    async with resources.sessions.begin() as other:
        await other.execute(text("SELECT 1 FROM webhook_events WHERE id = 'evt_33' FOR UPDATE"))
        removed = await asyncio.wait_for(retention.purge(resources), 5)
    async with resources.sessions() as session:
        left = set(await session.scalars(text("SELECT id FROM webhook_events")))
    assert left == {"evt_27", "evt_28", "evt_29", "evt_33"}
    assert removed == 5
