"""Forget events that Stripe has forgotten too, a few at a time."""

import structlog

from app.resources import Resources

log = structlog.get_logger()

# Each batch is a statement of some milliseconds. The next run takes what one leaves.
BATCH = 1_000
MAX_BATCHES = 1_000

# A row that another replica removes is left to it: no statement waits for a lock.
_PURGE = """
DELETE FROM webhook_events
WHERE id IN (
    SELECT id FROM webhook_events
    WHERE received_at < now() - $1::interval
    ORDER BY received_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge(resources: Resources) -> int:
    """Remove the events received longer ago than the settings keep them; return how many."""
    removed = 0
    for _ in range(MAX_BATCHES):
        done = await resources.database.execute(_PURGE, resources.settings.webhook_retention, BATCH)
        count = int(done.removeprefix("DELETE "))
        removed += count
        if count < BATCH:
            break
    log.info("webhook_events.purged", removed=removed)
    return removed
