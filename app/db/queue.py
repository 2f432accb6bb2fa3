"""Put jobs into the queue, in the transaction of their cause: a job exists if and only if its cause does.

Jobs carry only ids. The tables are the truth; the queue only says that somebody should look now.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from app.db.engine import Connection, Database
from app.db.purging import purge

JobName = Literal["recover", "recover_due", "adopt", "sync_disputes", "finish_refund", "sync_refunds"]


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job with the id that it is about.

    A repeat (of a sweep that comes again) is left out while the same job waits or runs, and stands behind all others:
    nobody waits for it. Others are never left out: the one that runs may have looked at the tables before.
    """

    name: str
    ids: tuple[tuple[str, str], ...]
    is_repeat: bool = False

    @property
    def payload(self) -> str:
        return json.dumps(dict(self.ids))


def job(name: JobName, *, is_repeat: bool = False, **ids: object) -> QueuedJob:
    return QueuedJob(name, tuple((key, str(value)) for key, value in ids.items()), is_repeat)


async def enqueue(connection: Connection, jobs: Iterable[QueuedJob]) -> None:
    """Put jobs into the queue when, and only when, the connection's transaction commits."""
    if waiting := list(jobs):
        await Queries(AsyncpgDriver(connection)).enqueue(
            [each.name for each in waiting],
            [each.payload.encode() for each in waiting],
            [0 if each.is_repeat else 1 for each in waiting],
            dedupe_key=[f"{each.name}:{each.payload}" if each.is_repeat else None for each in waiting],
            on_conflict="skip",
        )


# pgqueuer writes three rows for each job, for its own statistics, and never removes one.
_PURGE_LOG = """
DELETE FROM pgqueuer_log
WHERE id IN (
    SELECT id FROM pgqueuer_log
    WHERE created < now() - $1::interval
    ORDER BY created
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""

LOG_RETENTION = timedelta(days=1)


async def purge_log(database: Database) -> int:
    """Remove what the log says of jobs that ended long ago; return how many rows that were."""
    return await purge(database, _PURGE_LOG, LOG_RETENTION)
