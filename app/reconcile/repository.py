"""Keep how far a pass over Stripe's events has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.db.engine import Database

# Those that an endpoint did not accept; and all, also those that none was sent.
Task = Literal["undelivered", "recent"]

# Two that begin at once wait for each other's row; what runs is left as it is.
_BEGIN = """
INSERT INTO reconcile_progress AS p (task, since, until, after) VALUES ($1, $2, $3, NULL)
ON CONFLICT (task) DO UPDATE
SET since = CASE WHEN p.until IS NULL THEN greatest($5, p.since - $4::interval) ELSE p.since END,
    until = coalesce(p.until, excluded.until)
RETURNING since, until, after
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """The pass that runs: from when to when, and the last event that it took."""

    since: datetime
    until: datetime
    after: str | None


async def begin(
    database: Database, task: Task, *, first: datetime, oldest: datetime, until: datetime, overlap: timedelta
) -> Progress:
    """Return the pass that runs, or one that was broken off, or a new one from where the last had ended.

    The very first one begins at `first`, a later one never before `oldest`.
    """
    found = await database.fetchone(_BEGIN, task, first, until, overlap, oldest)
    return Progress(found["since"], found["until"], found["after"])


async def advance(database: Database, task: Task, after: str | None) -> None:
    """Note the last event that was taken; None: begin the pass anew."""
    await database.execute("UPDATE reconcile_progress SET after = $2 WHERE task = $1", task, after)


async def finish(database: Database, task: Task, until: datetime) -> None:
    """Note that everything until then was taken."""
    await database.execute(
        "UPDATE reconcile_progress SET since = $2, until = NULL, after = NULL WHERE task = $1", task, until
    )
