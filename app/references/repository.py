"""Compare and set: write everything of a change, if its reference is still at the version that was read, or nothing.

Each feature says in SQL how its own rows are written (a Table); one statement is put together from those that a write
needs. It takes its locks and gives them back by itself: no lock outlives it. Under READ COMMITTED a second writer waits
for the first one's row lock, sees another version, and writes nothing. So the successful writes of one reference are a
chain, each decided on exactly the state that the one before left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import asyncpg
import msgspec

from app.db.engine import Connection, Database
from app.payment_intents.protocol.state import ReferenceState
from app.payment_intents.protocol.terms import Reference

# `one`: waits for another writer of the same reference. `batch`: leaves out what is locked. `all`: all or none.
Mode = Literal["one", "batch", "all"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """How a table's rows are written: a data-modifying CTE named `<name>_written` that reads `$1 -> '<name>'`.

    It joins `written`, the references that were compared and set, or another table's `…_written`. `result` selects
    what the caller wants to know of it, as (kind, id). `held` selects the (kind, id) of references of which somebody
    else holds a row of this table that is to be written: a batch leaves them out.
    """

    name: str
    sql: str
    result: str | None = None
    held: str | None = None


@dataclass(slots=True)
class Write:
    """What is to be written of one reference; None for rows that belong to no reference of ours."""

    before: ReferenceState | None
    after: ReferenceState | None
    rows: list[tuple[Table, Row]] = field(default_factory=list)

    def add(self, table: Table, rows: Iterable[Row]) -> None:
        self.rows.extend((table, row) for row in rows)


# Sessions before carts everywhere, so that no two statements wait for each other's second lock. The arrays make
# PostgreSQL take the index, whatever it believes of the table's size: of how many rows a document has it knows nothing.
_COMPARE_AND_SET = """
WITH wanted AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb -> 'references') AS reference (
        kind text, id text, version bigint, next_generation bigint, next_sequence bigint, cart_version bigint,
        moved_to text
    )
),
{held}
locked AS MATERIALIZED (
    SELECT r.kind, r.id
    FROM payment_references AS r
    JOIN wanted ON wanted.kind = r.kind AND wanted.id = r.id AND wanted.version = r.version
    WHERE r.kind = ANY (ARRAY (SELECT kind FROM wanted)) AND r.id = ANY (ARRAY (SELECT id FROM wanted))
        {and_free}
    ORDER BY r.kind DESC, r.id
    FOR NO KEY UPDATE OF r {skip_locked}
),
updated AS (
    UPDATE payment_references AS r
    SET version = wanted.version + 1,
        next_generation = wanted.next_generation,
        next_sequence = wanted.next_sequence,
        cart_version = wanted.cart_version,
        moved_to = wanted.moved_to
    FROM wanted JOIN locked USING (kind, id)
    WHERE r.kind = wanted.kind AND r.id = wanted.id {all_or_none}
    RETURNING r.kind, r.id
),
inserted AS (
    INSERT INTO payment_references (kind, id, version, next_generation, next_sequence, cart_version, moved_to)
    SELECT kind, id, 1, next_generation, next_sequence, cart_version, moved_to FROM wanted WHERE version = 0
    ON CONFLICT DO NOTHING
    RETURNING kind, id
),
written AS (SELECT * FROM updated UNION ALL SELECT * FROM inserted)
"""


@cache
def statement(tables: Sequence[Table], mode: Mode) -> str:
    """Return the statement that writes references with rows of these tables."""
    held = " UNION ALL ".join(table.held for table in tables if table.held and mode == "batch")
    begin = _COMPARE_AND_SET.format(
        held=f"held AS MATERIALIZED ({held})," if held else "",
        and_free="AND (r.kind, r.id) NOT IN (SELECT * FROM held)" if held else "",
        skip_locked="SKIP LOCKED" if mode == "batch" else "",
        all_or_none="AND (SELECT count(*) FROM locked) = (SELECT count(*) FROM wanted)" if mode == "all" else "",
    )
    parts = "".join(f", {table.name}_written AS ({table.sql})" for table in tables)
    results = ["SELECT kind, id FROM written", *(table.result for table in tables if table.result)]
    return begin + parts + " UNION ALL ".join(results)


async def compare_and_set(connection: Connection, writes: Sequence[Write], mode: Mode) -> set[tuple[str, str]]:
    """Write what can be written; return the (kind, id) of the references that were still at their version."""
    tables: dict[Table, list[Row]] = {}
    for write in writes:
        for table, row in write.rows:
            tables.setdefault(table, []).append(row)
    ordered = tuple(sorted(tables, key=lambda table: table.name != "payment_intents"))
    document: dict[str, Any] = {table.name: rows for table, rows in tables.items()}
    document["references"] = [
        _row(write.before, write.after) for write in writes if write.before is not None and write.after is not None
    ]
    try:
        written = await connection.fetch(statement(ordered, mode), msgspec.json.encode(document).decode())
    except asyncpg.UniqueViolationError:
        if mode == "batch":
            raise  # of many references one is at fault: each is written by itself
        return set()  # somebody else has what this change claims, under another reference
    return {(kind, row_id) for kind, row_id in written}


async def exists(database: Database, reference: Reference) -> bool:
    """Whether there ever was a PaymentIntent for it."""
    query = "SELECT EXISTS (SELECT FROM payment_references WHERE kind = $1 AND id = $2)"
    return bool(await database.fetchval(query, reference.kind, reference.id))


async def insert_missing(connection: Connection, reference: Reference) -> None:
    """Insert a reference that has nothing yet, so that it can be compared and set together with another."""
    await connection.execute(
        "INSERT INTO payment_references (kind, id, next_generation, next_sequence) VALUES ($1, $2, 1, 1)"
        " ON CONFLICT DO NOTHING",
        reference.kind,
        reference.id,
    )


def _row(before: ReferenceState, after: ReferenceState) -> Row:
    return {
        "kind": after.reference.kind,
        "id": after.reference.id,
        "version": before.version,
        "next_generation": after.next_generation,
        "next_sequence": after.next_sequence,
        "cart_version": after.cart_version,
        "moved_to": after.moved_to,
    }
