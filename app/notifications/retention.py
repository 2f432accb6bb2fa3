"""Forget deliveries that are older than anybody asks for, and endpoints that were deleted."""

import structlog

from app.db.purging import purge
from app.resources import Resources

log = structlog.get_logger()

_PURGE_DELIVERIES = """
DELETE FROM notification_deliveries
WHERE id IN (
    SELECT id FROM notification_deliveries
    WHERE created_at < now() - $1::interval AND state <> 'pending'
    ORDER BY created_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""

# What waits for an endpoint that is disabled. Its queue counts it, in the same statement.
_DROP_PENDING = """
WITH old AS (
    SELECT id FROM notification_deliveries
    WHERE created_at < now() - $1::interval AND state = 'pending'
    ORDER BY created_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), dropped AS (
    DELETE FROM notification_deliveries WHERE id IN (SELECT id FROM old)
    RETURNING endpoint_id, reference_kind, reference_id
)
UPDATE notification_queues AS queue
SET pending = queue.pending - of_one.count,
    due_at = CASE WHEN queue.pending > of_one.count THEN queue.due_at END,
    updated_at = now()
FROM (
    SELECT endpoint_id, reference_kind, reference_id, count(*) AS count FROM dropped GROUP BY 1, 2, 3
) AS of_one
WHERE (queue.endpoint_id, queue.reference_kind, queue.reference_id)
    = (of_one.endpoint_id, of_one.reference_kind, of_one.reference_id)
"""
# A delivery that was dropped while it was being sent may have been counted twice. Only of queues at rest: nothing else
# changes their number meanwhile.
_REPAIR_COUNTS = """
UPDATE notification_queues AS queue
SET pending = of_one.count, due_at = coalesce(queue.due_at, now()), updated_at = now()
FROM (
    SELECT endpoint_id, reference_kind, reference_id, count(*) AS count
    FROM notification_deliveries WHERE state = 'pending' GROUP BY 1, 2, 3
) AS of_one
WHERE (queue.endpoint_id, queue.reference_kind, queue.reference_id)
    = (of_one.endpoint_id, of_one.reference_kind, of_one.reference_id)
    AND queue.pending <> of_one.count
    AND queue.updated_at < now() - interval '1 hour' AND (queue.claimed_until IS NULL OR queue.claimed_until < now())
"""
_PURGE_QUEUES = """
DELETE FROM notification_queues
WHERE (endpoint_id, reference_kind, reference_id) IN (
    SELECT endpoint_id, reference_kind, reference_id FROM notification_queues
    WHERE pending = 0 AND updated_at < now() - $1::interval
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""

# Of an endpoint that was deleted: first what belongs to it.
_PURGE_OF_DELETED = (
    """
    DELETE FROM notification_deliveries WHERE id IN (
        SELECT delivery.id FROM notification_deliveries AS delivery
        JOIN notification_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id
        WHERE endpoint.deleted_at IS NOT NULL LIMIT $1
    )
    """,
    """
    DELETE FROM notification_queues WHERE (endpoint_id, reference_kind, reference_id) IN (
        SELECT queue.endpoint_id, queue.reference_kind, queue.reference_id FROM notification_queues AS queue
        JOIN notification_endpoints AS endpoint ON endpoint.id = queue.endpoint_id
        WHERE endpoint.deleted_at IS NOT NULL LIMIT $1
    )
    """,
    """
    DELETE FROM notification_endpoints WHERE id IN (
        SELECT id FROM notification_endpoints AS endpoint
        WHERE deleted_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM notification_deliveries WHERE endpoint_id = endpoint.id)
            AND NOT EXISTS (SELECT FROM notification_queues WHERE endpoint_id = endpoint.id)
        LIMIT $1
    )
    """,
)


async def purge_deliveries(resources: Resources) -> int:
    """Remove deliveries, idle queues and deleted endpoints; return how many deliveries were removed."""
    database, kept = resources.database, resources.settings.delivery_retention
    await database.execute(_DROP_PENDING, kept, 1_000)
    await database.execute(_REPAIR_COUNTS)
    removed = await purge(database, _PURGE_DELIVERIES, kept)
    await purge(database, _PURGE_QUEUES, kept)
    for statement in _PURGE_OF_DELETED:
        await purge(database, statement)
    log.info("notifications.purged", removed=removed)
    return removed
