"""Store Stripe's events, each once."""

import json
from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.stripe_gateway import StripeEvent

# In the order of their ids, so that two processes that store the same ones wait for each other in a line.
ACCEPT = text(
    "INSERT INTO webhook_events (id, type, object_id, created, outcome)"
    " SELECT id, type, object_id, created, outcome"
    " FROM jsonb_populate_recordset(NULL::webhook_events, CAST(:rows AS jsonb)) ORDER BY id"
    " ON CONFLICT DO NOTHING RETURNING id"
)


async def accept(session: AsyncSession, events: Iterable[tuple[StripeEvent, str]]) -> set[str]:
    """Store events with their outcomes, unless they are already here; give the ids of those that are new."""
    rows = [
        {
            "id": event.id,
            "type": event.type,
            "object_id": event.object_id,
            "created": event.created.isoformat(),
            "outcome": outcome,
        }
        for event, outcome in events
    ]
    return set(await session.scalars(ACCEPT, {"rows": json.dumps(rows)})) if rows else set()
