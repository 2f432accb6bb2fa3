"""Forget events that Stripe has forgotten too."""

import structlog

from app.db.purging import purge
from app.resources import Resources

log = structlog.get_logger()

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


async def purge_events(resources: Resources) -> int:
    """Remove the events received longer ago than the settings keep them; return how many."""
    removed = await purge(resources.database, _PURGE, resources.settings.webhook_retention)
    log.info("webhook_events.purged", removed=removed)
    return removed
