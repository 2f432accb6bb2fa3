"""Read domain events in an order in which no reader misses one, however late it was committed.

The order is (xid, id): the writing transaction, then the row. Only transactions older than every one that still runs
are read, so nothing can be committed in front of what was read. And each reference's events stand in their sequence: a
write is decided on what the write before it had committed, and gets its transaction number after it has read that (see
`references.repository`), so both numbers rise along the sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.db.engine import Connection, Database, Record
from app.payment_intents.protocol.terms import Reference

# So many events are looked through for those of some types; the next page goes on behind them.
SCAN = 2_000

_READ = """
SELECT *
FROM (
    SELECT e.*, row_number() OVER (ORDER BY e.xid, e.id) AS place, count(*) OVER () AS scanned,
        ($4::text[] IS NULL OR e.type = ANY ($4)) AS is_wanted
    FROM (
        SELECT *
        FROM domain_events
        WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot()) {of_reference}
        ORDER BY xid, id
        LIMIT $3
    ) AS e
) AS found
WHERE is_wanted OR place = scanned
ORDER BY xid, id
LIMIT $5
"""
_OF_ALL = _READ.format(of_reference="")
_OF_REFERENCE = _READ.format(of_reference="AND reference_kind = $6 AND reference_id = $7")

_NEWEST = """
SELECT xid, id, created_at
FROM domain_events
WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid DESC, id DESC
LIMIT 1
"""

# How long the oldest event that is committed and can't be read yet waits for an older transaction to end.
_LAG = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float8
FROM (
    SELECT created_at FROM domain_events
    WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT 1
) AS oldest
"""


class Position(NamedTuple):
    """A place in the order: of an event, or the beginning."""

    xid: int
    id: int


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are wanted: None for all."""

    types: frozenset[str] | None = None
    reference: Reference | None = None

    def includes(self, event: Record) -> bool:
        reference = Reference(event["reference_kind"], event["reference_id"])
        is_of_types = self.types is None or event["type"] in self.types
        return is_of_types and self.reference in {None, reference}


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The events that were found, and the last one that was looked at, wanted or not; None when there is no other."""

    events: Sequence[Record]
    last: Record | None
    is_caught_up: bool


async def read_page(
    database: Database | Connection, after: Position, *, limit: int, selection: Selection = Selection()
) -> FeedPage:
    """Return the wanted events behind a position, oldest first, at most `limit` of them.

    It is caught up when no other event can be read now. Raises DatabaseUnavailable.
    """
    scan = limit + 1 if selection.types is None else max(limit + 1, SCAN)
    types = None if selection.types is None else sorted(selection.types)
    values: list[object] = [str(after.xid), after.id, scan, types, limit + 1]
    sql = _OF_ALL
    if selection.reference is not None:
        sql, values = _OF_REFERENCE, [*values, selection.reference.kind, selection.reference.id]
    rows = await database.fetch(sql, *values)
    events = [row for row in rows if row["is_wanted"]][:limit]
    is_all = len(events) == sum(row["is_wanted"] for row in rows)
    last = (rows if is_all else events)[-1] if rows else None
    return FeedPage(events, last, is_caught_up=is_all and (not rows or rows[0]["scanned"] < scan))


async def newest(database: Database | Connection) -> Record | None:
    """Return the place and time of the newest event that can be read; None when there is none."""
    return await database.fetchrow(_NEWEST)


async def lag_seconds(database: Database) -> float:
    """Return how long the oldest committed event waits to be readable: 0 unless some transaction stays open."""
    return float(await database.fetchval(_LAG))


def event_id(number: int, created_at: datetime) -> str:
    """Return an event's public id. After a backup was restored numbers are given again, to events of another time."""
    return f"event_{number}_{microseconds(created_at)}"


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
