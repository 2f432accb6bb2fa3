"""Forget events that are older than anybody reads."""

import structlog

from app.db.purging import purge
from app.resources import Resources

log = structlog.get_logger()

# The oldest stand in front of the feed's order; what comes behind the first that is kept is kept too.
_PURGE = """
DELETE FROM domain_events
WHERE id IN (
    SELECT id
    FROM (SELECT id, created_at FROM domain_events ORDER BY xid, id LIMIT $2) AS oldest
    WHERE created_at < now() - $1::interval
)
"""


async def purge_events(resources: Resources) -> int:
    """Remove the events that are older than the settings keep them; return how many."""
    removed = await purge(resources.database, _PURGE, resources.settings.event_retention)
    log.info("domain_events.purged", removed=removed)
    return removed
