"""Which database the feed is of, and how its order goes on after a dump was restored into another server.

Transaction numbers belong to a server. Another one begins to count anew, so restored events could stand behind all that
it will write for long. `renumber_if_restored` puts them in front, in the order of their ids, in which each reference's
sequence rises too; cursors from before are then of another installation.
"""

from uuid import UUID

import structlog

from app.db.engine import Connection, Database
from app.domain_events.errors import FeedNotMigrated

log = structlog.get_logger()

BATCH = 5_000

_READ = """
SELECT feed.installation_id, feed.system_identifier = server.system_identifier AS is_here
FROM event_feed AS feed, pg_control_system() AS server
"""
_BOUNDS = """
SELECT coalesce(max(id), 0) AS newest,
    coalesce(bool_and(xid < pg_snapshot_xmin(pg_current_snapshot())), true) AS is_in_order
FROM domain_events
"""
_RENUMBER = "UPDATE domain_events SET xid = '0'::xid8 WHERE id > $1 AND id <= $2 AND xid <> '0'::xid8"
_TAKE_OVER = """
UPDATE event_feed
SET system_identifier = (SELECT system_identifier FROM pg_control_system()),
    installation_id = CASE WHEN $1 THEN gen_random_uuid() ELSE installation_id END
"""


async def read_installation(database: Database | Connection) -> UUID:
    """Return what tells this installation's cursors from others. Raises FeedNotMigrated after a restored dump."""
    row = await database.fetchrow(_READ)
    if row is None or not row["is_here"]:
        raise FeedNotMigrated
    found: UUID = row["installation_id"]
    return found


async def renumber_if_restored(database: Database) -> bool:
    """Bring the events of a restored dump in front of what this server writes; return whether that was needed.

    It can be interrupted and repeated: until it is done, the feed is closed.
    """
    row = await database.fetchone(_READ)
    if row["is_here"]:
        return False
    bounds = await database.fetchone(_BOUNDS)
    if not bounds["is_in_order"]:
        for first in range(0, bounds["newest"], BATCH):
            await database.execute(_RENUMBER, first, min(first + BATCH, bounds["newest"]))
    await database.execute(_TAKE_OVER, not bounds["is_in_order"])
    log.info("event_feed.taken_over", is_renumbered=not bounds["is_in_order"])
    return not bounds["is_in_order"]
