"""Make deliveries: of every event for every endpoint that wants it, or of some again.

All state of what is pending is in the queue's row, and changes in single statements: a delivery that is made while
another one is finished is neither lost nor left without a time.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from app.db.engine import Connection, Database, Record
from app.domain_events.feed import Position, newest, read_page
from app.domain_events.installation import read_installation
from app.domain_events.schemas import event_of
from app.domain_events.service import types_named
from app.notifications import repository

# Events of one transaction. It takes some ten milliseconds.
BATCH = 500

_LOCK_POSITION = "SELECT installation_id, xid, event_number FROM notification_position FOR UPDATE SKIP LOCKED"
_MOVE = "UPDATE notification_position SET installation_id = $1, xid = $2::text::xid8, event_number = $3"

# In the order of the queues' keys, so that no two statements wait for each other.
_INSERT = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
        WITH ORDINALITY AS w (endpoint_id, event_number, event_id, type, kind, reference_id, sequence, place)
), made AS (
    INSERT INTO notification_deliveries
        (endpoint_id, event_number, event_id, type, reference_kind, reference_id, sequence)
    SELECT endpoint_id, event_number, event_id, type, kind, reference_id, sequence FROM wanted ORDER BY place
)
INSERT INTO notification_queues AS queue (endpoint_id, reference_kind, reference_id, pending, due_at)
SELECT endpoint_id, kind, reference_id, count(*), now()
FROM wanted
GROUP BY endpoint_id, kind, reference_id
ORDER BY endpoint_id, kind, reference_id
ON CONFLICT (endpoint_id, reference_kind, reference_id) DO UPDATE
SET pending = queue.pending + excluded.pending, due_at = coalesce(queue.due_at, now()), updated_at = now()
"""


async def enqueue(connection: Connection, wanted: Iterable[tuple[UUID, Record]]) -> int:
    """Put events into the queues of endpoints, in this order; return how many that were."""
    rows = [(endpoint_id, event_of(event), event["id"]) for endpoint_id, event in wanted]
    if rows:
        await connection.execute(
            _INSERT,
            [endpoint_id for endpoint_id, _, _ in rows],
            [number for _, _, number in rows],
            [event.id for _, event, _ in rows],
            [event.type for _, event, _ in rows],
            [event.reference.kind for _, event, _ in rows],
            [event.reference.id for _, event, _ in rows],
            [event.sequence for _, event, _ in rows],
        )
    return len(rows)


async def fan_out(database: Database) -> bool:
    """Make the deliveries of the next events; return whether there may be more.

    One process at a time does. The position moves in the same transaction: an event is queued for an endpoint once.
    Without an endpoint only the position moves. Raises FeedNotMigrated.
    """
    async with database.transaction() as connection:
        installation = await read_installation(connection)
        position = await _take_position(connection, installation)
        if position is None:
            return False
        endpoints = [each for each in await repository.list_endpoints(connection) if each["is_enabled"]]
        if not endpoints:
            last = await newest(connection)
            if last is not None and Position(last["xid"], last["id"]) != position:
                await _move(connection, installation, last)
            return False
        page = await read_page(connection, position, limit=BATCH)
        await enqueue(connection, _wanted(endpoints, page.events))
        await _move(connection, installation, page.last)
    return not page.is_caught_up


async def _take_position(connection: Connection, installation: UUID) -> Position | None:
    """Return from where to go on; None while another process does this."""
    row = await connection.fetchrow(_LOCK_POSITION)
    if row is None:
        return None
    # When a restored dump was put in front, events keep their ids and stand in the order of these.
    return Position(row["xid"] if row["installation_id"] == installation else 0, row["event_number"])


async def _move(connection: Connection, installation: UUID, last: Record | None) -> None:
    if last is not None:
        await connection.execute(_MOVE, installation, str(last["xid"]), last["id"])


def _wanted(endpoints: Sequence[Record], events: Sequence[Record]) -> Iterable[tuple[UUID, Record]]:
    """Yield which endpoint wants which event; none gets what happened before it was made."""
    types = {each["id"]: types_named(",".join(repository.types_of(each))) for each in endpoints}
    for event in events:
        for endpoint in endpoints:
            if event["type"] in types[endpoint["id"]] and event["created_at"] >= endpoint["created_at"]:
                yield endpoint["id"], event
