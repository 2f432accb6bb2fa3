"""Write and read the attempt history: never two rows for one attempt, whichever event tells of it first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from app.attempts.attempt import Attempt
from app.attempts.schemas import AttemptPage, AttemptRead
from app.db.engine import Database
from app.http.pagination import Cursor, Page
from app.payment_intents.protocol.terms import Reference
from app.references.repository import Row, Table

COLUMNS = (*(each.name for each in fields(Attempt)), "created_at")
_CHANGED = [name for name in COLUMNS if name not in {"id", "key", "payment_intent_id", "created_at"}]

# In the order of their keys, so that no two statements wait for each other. A later word on the same attempt may only
# finish one that was pending.
PAYMENT_ATTEMPTS = Table(
    "payment_attempts",
    f"""
    INSERT INTO payment_attempts AS known ({", ".join(COLUMNS)})
    SELECT {", ".join(f"a.{name}" for name in COLUMNS)}
    FROM jsonb_populate_recordset(NULL::payment_attempts, $1::jsonb -> 'payment_attempts') AS a
    JOIN payment_intents_written ON payment_intents_written.id = a.payment_intent_id
    ORDER BY a.key
    ON CONFLICT (key) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)}
    WHERE known.status = 'pending' AND excluded.status <> 'pending'
    """,  # noqa: S608 - our own names
)

# A PaymentIntent makes at most one Charge that succeeds: what it received and gave back is that attempt's.
_AMOUNTS = """
    CASE WHEN a.status = 'succeeded' THEN a.amount ELSE 0 END AS amount_authorized,
    CASE WHEN a.status = 'succeeded' THEN p.amount_received ELSE 0 END AS amount_captured,
    CASE WHEN a.status = 'succeeded' AND p.status IN ('succeeded', 'canceled')
        THEN greatest(a.amount - p.amount_received, 0) ELSE 0 END AS amount_released,
    CASE WHEN a.status = 'succeeded' THEN p.amount_refunded ELSE 0 END AS amount_refunded
"""

_SUMMARIZE = f"""
SELECT a.*, {_AMOUNTS}
FROM (
    SELECT *, count(*) OVER of_one AS count, count(*) FILTER (WHERE status = 'failed') OVER of_one AS failed,
        row_number() OVER (PARTITION BY payment_intent_id ORDER BY attempted_at DESC, id DESC) AS place,
        row_number() OVER (PARTITION BY payment_intent_id, status ORDER BY attempted_at DESC, id DESC) AS nth
    FROM payment_attempts
    WHERE payment_intent_id = ANY ($1)
    WINDOW of_one AS (PARTITION BY payment_intent_id)
) AS a
JOIN payment_intents AS p ON p.id = a.payment_intent_id
WHERE a.place = 1 OR (a.status = 'succeeded' AND a.nth = 1)
ORDER BY a.place
"""  # noqa: S608 - our own text

_LIST = f"""
SELECT a.*, {_AMOUNTS}
FROM payment_attempts AS a
JOIN payment_intents AS p ON p.id = a.payment_intent_id
WHERE p.reference_kind = $1 AND p.reference_id = $2
    AND ($3::timestamptz IS NULL OR (a.attempted_at, a.id) < ($3, $4::uuid))
ORDER BY a.attempted_at DESC, a.id DESC
LIMIT $5
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """How many attempts were made on a PaymentIntent, the last one, and the last that took or holds the money."""

    count: int = 0
    failed: int = 0
    last: AttemptRead | None = None
    succeeded: AttemptRead | None = None


class KnownAttempt(TypedDict):
    """What is stored of an attempt."""

    id: str
    status: str


def row_of(attempt: Attempt, *, created_at: datetime) -> Row:
    row: dict[str, Any] = {each.name: getattr(attempt, each.name) for each in fields(Attempt)}
    return row | {"created_at": created_at}


async def find_known(database: Database, keys: Sequence[str]) -> Mapping[str, KnownAttempt]:
    """Return what is stored of the attempts with these keys."""
    records = await database.fetch("SELECT key, id, status FROM payment_attempts WHERE key = ANY ($1)", keys)
    return {record["key"]: KnownAttempt(id=str(record["id"]), status=record["status"]) for record in records}


async def summarize(database: Database, payment_intent_ids: Sequence[UUID]) -> dict[UUID, AttemptHistory]:
    """Count the attempts on PaymentIntents, with the last one and the last that succeeded; none has no entry."""
    found: dict[UUID, AttemptHistory] = {}
    for record in await database.fetch(_SUMMARIZE, payment_intent_ids):
        attempt = AttemptRead.model_validate(dict(record))
        history = found.get(attempt.payment_intent_id) or AttemptHistory(record["count"], record["failed"], attempt)
        is_paid = attempt.status == "succeeded"
        found[attempt.payment_intent_id] = replace(history, succeeded=attempt) if is_paid else history
    return found


async def list_attempts(database: Database, reference: Reference, page: Page) -> AttemptPage:
    """List the attempts on all generations of a reference, newest first, from the cursor on."""
    after = (page.after.at, page.after.id) if page.after else (None, None)
    rows = await database.fetch(_LIST, reference.kind, reference.id, *after, page.limit + 1)
    data, following = rows[: page.limit], rows[page.limit :]
    return AttemptPage(
        data=[AttemptRead.model_validate(dict(row)) for row in data],
        next_cursor=Cursor(data[-1]["attempted_at"], data[-1]["id"]).encode() if following else None,
    )
