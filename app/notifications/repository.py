"""Endpoints and deliveries in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.db.engine import Connection, Database, Record

_COLUMNS = (
    "id, url, description, types, secret_version, previous_secret_until, is_enabled, disabled_reason, disabled_at,"
    " failing_since, created_at"
)

_INSERT = f"""
INSERT INTO notification_endpoints (id, url, description, types, created_by)
SELECT $1, $2, $3, $4::text::jsonb, $5
WHERE (SELECT count(*) FROM notification_endpoints WHERE deleted_at IS NULL) < $6
RETURNING {_COLUMNS}
"""  # noqa: S608 - our own names
_LIST = f"SELECT {_COLUMNS} FROM notification_endpoints WHERE deleted_at IS NULL ORDER BY created_at, id"  # noqa: S608 - as above
_GET = f"SELECT {_COLUMNS} FROM notification_endpoints WHERE id = $1 AND deleted_at IS NULL"  # noqa: S608 - as above
_UPDATE = f"""
UPDATE notification_endpoints
SET url = coalesce($2, url), types = coalesce($3::text::jsonb, types), description = coalesce($4, description)
WHERE id = $1 AND deleted_at IS NULL
RETURNING {_COLUMNS}
"""  # noqa: S608 - as above
_ROTATE = f"""
UPDATE notification_endpoints
SET secret_version = secret_version + 1,
    previous_secret_until = CASE WHEN $2 > 0 THEN now() + make_interval(secs => $2) END
WHERE id = $1 AND deleted_at IS NULL
RETURNING {_COLUMNS}
"""  # noqa: S608 - as above
_ENABLE = f"""
UPDATE notification_endpoints
SET is_enabled = true, disabled_reason = NULL, disabled_at = NULL, failing_since = NULL
WHERE id = $1 AND deleted_at IS NULL
RETURNING {_COLUMNS}
"""  # noqa: S608 - as above
_DISABLE = """
UPDATE notification_endpoints
SET is_enabled = false, disabled_reason = $2, disabled_at = now()
WHERE id = $1 AND is_enabled
RETURNING id
"""
_HURRY = "UPDATE notification_queues SET due_at = now(), failures = 0 WHERE endpoint_id = $1 AND due_at IS NOT NULL"
_DELETE = """
UPDATE notification_endpoints
SET deleted_at = now(), is_enabled = false, disabled_reason = 'requested', disabled_at = now()
WHERE id = $1 AND deleted_at IS NULL
RETURNING id
"""

_DELIVERIES = """
SELECT id, event_id, type, reference_kind, reference_id, sequence, state, attempts, created_at, finished_at
FROM notification_deliveries
WHERE endpoint_id = $1 AND id < $2 AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR type = $4)
    AND ($5::text IS NULL OR (reference_kind = $5 AND reference_id = $6))
ORDER BY id DESC
LIMIT $7
"""
_DELIVERY = """
SELECT id, event_number, event_id, type, reference_kind, reference_id, sequence, state, attempts, created_at,
    finished_at
FROM notification_deliveries
WHERE endpoint_id = $1 AND id = $2
"""
_ATTEMPTS = """
SELECT at, milliseconds, status, error, excerpt FROM notification_attempts WHERE delivery_id = $1 ORDER BY id
"""


def types_of(endpoint: Record) -> list[str]:
    return msgspec.json.decode(endpoint["types"], type=list[str])


async def insert(
    database: Database, endpoint_id: UUID, values: dict[str, Any], *, by: str, limit: int
) -> Record | None:
    """Store an endpoint unless there are as many as may be; return it, or None."""
    types = msgspec.json.encode(values["types"]).decode()
    return await database.fetchrow(_INSERT, endpoint_id, values["url"], values["description"], types, by, limit)


async def list_endpoints(database: Database | Connection) -> Sequence[Record]:
    rows: Sequence[Record] = await database.fetch(_LIST)
    return rows


async def get(database: Database | Connection, endpoint_id: UUID) -> Record | None:
    row: Record | None = await database.fetchrow(_GET, endpoint_id)
    return row


async def update(database: Database, endpoint_id: UUID, values: dict[str, Any]) -> Record | None:
    types = None if values["types"] is None else msgspec.json.encode(values["types"]).decode()
    return await database.fetchrow(_UPDATE, endpoint_id, values["url"], types, values["description"])


async def rotate_secret(database: Database, endpoint_id: UUID, overlap_seconds: int) -> Record | None:
    return await database.fetchrow(_ROTATE, endpoint_id, overlap_seconds)


async def enable(database: Database, endpoint_id: UUID) -> Record | None:
    """Enable an endpoint; what waits for it is due now."""
    async with database.transaction() as connection:
        row: Record | None = await connection.fetchrow(_ENABLE, endpoint_id)
        await connection.execute(_HURRY, endpoint_id)
    return row


async def disable(database: Database | Connection, endpoint_id: UUID, reason: str) -> bool:
    """Disable an endpoint that is enabled; return whether it was."""
    return await database.fetchval(_DISABLE, endpoint_id, reason) is not None


async def delete(database: Database, endpoint_id: UUID) -> bool:
    """Send nothing to it any more, and forget it with its deliveries later; return whether it was there."""
    return await database.fetchval(_DELETE, endpoint_id) is not None


async def list_deliveries(
    database: Database,
    endpoint_id: UUID,
    *,
    before: int,
    state: str | None,
    event_type: str | None,
    reference: tuple[str, str] | None,
    limit: int,
) -> list[Record]:
    of = reference or (None, None)
    return await database.fetch(_DELIVERIES, endpoint_id, before, state, event_type, *of, limit)


async def get_delivery(database: Database, endpoint_id: UUID, delivery_id: int) -> Record | None:
    return await database.fetchrow(_DELIVERY, endpoint_id, delivery_id)


async def list_attempts(database: Database, delivery_id: int) -> list[Record]:
    return await database.fetch(_ATTEMPTS, delivery_id)


_RECOVER_FROM = """
SELECT xid, id FROM domain_events
WHERE created_at >= $1 AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id
LIMIT 1
"""


async def first_since(database: Database, since: datetime) -> Record | None:
    """Return the place of the first event since a time."""
    return await database.fetchrow(_RECOVER_FROM, since)


_OLDEST_PENDING = """
SELECT coalesce(max(extract(epoch FROM now() - created_at)), 0)::float8
FROM (
    SELECT delivery.created_at
    FROM notification_deliveries AS delivery
    JOIN notification_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id AND endpoint.is_enabled
    WHERE delivery.state = 'pending'
    ORDER BY delivery.created_at
    LIMIT 1
) AS oldest
"""


async def oldest_pending_seconds(database: Database) -> float:
    """Return how long the oldest notification waits that is to be sent to an enabled endpoint; 0 when none does."""
    return float(await database.fetchval(_OLDEST_PENDING))
