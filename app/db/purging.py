"""Delete old rows of a table that grows for ever, a few at a time."""

from app.db.engine import Database

# Each batch is a statement of some milliseconds. The next run takes what one leaves.
BATCH = 1_000
MAX_BATCHES = 1_000


async def purge(database: Database, statement: str, *values: object) -> int:
    """Repeat a DELETE whose last value is how many rows it may take; return how many it took in all."""
    removed = 0
    for _ in range(MAX_BATCHES):
        done = await database.execute(statement, *values, BATCH)
        count = int(done.removeprefix("DELETE "))
        removed += count
        if count < BATCH:
            break
    return removed
