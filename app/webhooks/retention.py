"""Forget events that Stripe has forgotten too, a few at a time."""

import structlog
from sqlalchemy import delete, func, select

from app.resources import Resources
from app.webhooks.models import WebhookEvent

log = structlog.get_logger()

# Each batch is a transaction of some milliseconds. The next run takes what one leaves.
BATCH = 1_000
MAX_BATCHES = 1_000


async def purge(resources: Resources) -> int:
    """Remove the events received longer ago than the settings keep them; give how many.

    No statement waits for a lock: a row that another replica removes is left to it.
    """
    removed = 0
    for _ in range(MAX_BATCHES):
        count = await _purge_batch(resources)
        removed += count
        if count < BATCH:
            break
    log.info("webhook_events.purged", removed=removed)
    return removed


async def _purge_batch(resources: Resources) -> int:
    old = (
        select(WebhookEvent.id)
        .where(WebhookEvent.received_at < func.now() - resources.settings.webhook_retention)
        .order_by(WebhookEvent.received_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    async with resources.sessions.begin() as session:
        removed = await session.scalars(delete(WebhookEvent).where(WebhookEvent.id.in_(old)).returning(WebhookEvent.id))
        return len(removed.all())
