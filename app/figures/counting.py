"""Count what happened in each hour from our own tables, an hour at a time.

The present hour and the one before are counted again and again: the numbers are set, not added to, so it does not
matter how often, or by how many workers. Each query reads one hour's rows by an index.
"""

from datetime import datetime, timedelta

import structlog

from app.db.engine import Connection
from app.db.purging import purge
from app.domain_events.feed import lag_seconds
from app.figures import repository
from app.resources import Resources

log = structlog.get_logger()

# So far back is counted at the first start, so many hours at once.
FIRST_DAYS = timedelta(days=31)
HOURS_AT_ONCE = 48

KEPT_FOR = timedelta(days=400)

# That an hour was counted, even if nothing happened; its total is 1 once that was long enough after its end.
COUNTED = "counted"

_NEXT = f"""
SELECT hour
FROM generate_series(date_trunc('hour', now() - $1::interval), date_trunc('hour', now()), interval '1 hour') AS hour
WHERE NOT EXISTS (
    SELECT FROM hourly_figures AS f WHERE f.hour = hour.hour AND f.name = '{COUNTED}' AND f.label = '' AND f.total = 1
)
ORDER BY hour DESC LIMIT $2
"""  # noqa: S608 - our own name

_SET = """
INSERT INTO hourly_figures (hour, name, label, count, total)
SELECT $1::timestamptz, name, label, count, total FROM ({query}) AS counted (name, label, count, total)
ON CONFLICT (hour, name, label) DO UPDATE SET count = excluded.count, total = excluded.total
"""

_QUERIES = (
    f"SELECT '{COUNTED}', '', 1, (now() >= $2::timestamptz + interval '1 hour')::int WHERE $1 < $2",
    """
    SELECT 'payments', CASE
            WHEN type = 'payment.succeeded' THEN 'paid'
            WHEN data ->> 'reason' = 'abandoned' THEN 'abandoned'
            ELSE 'canceled'
        END AS outcome, count(*), 0
    FROM domain_events
    WHERE created_at >= $1 AND created_at < $2 AND type IN ('payment.succeeded', 'payment.canceled')
    GROUP BY outcome
    """,
    """
    SELECT 'attempts', coalesce(card_brand, payment_method_type, 'other') || '|' || status AS kind, count(*), 0
    FROM payment_attempts
    WHERE created_at >= $1 AND created_at < $2
    GROUP BY kind
    """,
    """
    SELECT 'declines', coalesce(decline_code, failure_code, 'unknown') AS reason, count(*), 0
    FROM payment_attempts
    WHERE created_at >= $1 AND created_at < $2 AND status = 'failed'
    GROUP BY reason
    """,
    """
    SELECT 'webhooks', 'delay', count(*), coalesce(sum(greatest(0, extract(epoch FROM received_at - created))), 0)
    FROM webhook_events
    WHERE received_at >= $1 AND received_at < $2
    """,
)


async def count(resources: Resources) -> int:
    """Count the hours that are not counted for good yet, the newest first; return how many.

    What is left over of the last month, the next runs do. Each run also notes how far the feed is behind.
    """
    async with resources.database.connection() as connection:
        hours = [row["hour"] for row in await connection.fetch(_NEXT, FIRST_DAYS, HOURS_AT_ONCE)]
        for hour in hours:
            await _count_hour(connection, hour)
    await repository.add(resources.database, [("feed", "lag", 1, await lag_seconds(resources.database))])
    return len(hours)


async def _count_hour(connection: Connection, hour: datetime) -> None:
    for query in _QUERIES:
        await connection.execute(_SET.format(query=query), hour, hour + timedelta(hours=1))


async def purge_old(resources: Resources) -> int:
    """Delete numbers of long ago; return how many."""
    return await purge(resources.database, repository.PURGE, KEPT_FOR)
