"""What people asked for: written in the statement of the domain event that tells of it.

A refund of somebody who has limits is counted in the same statement: of two at once that fit only alone, the database
refuses one, and with it everything of that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from app.db.engine import Database, Record
from app.references.repository import Row, Table


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that one person asked for, as it is stored."""

    id: UUID
    payment_intent_id: UUID
    action: str
    fingerprint: str
    subject: str
    name: str
    amount: int | None
    currency: str | None
    reason: str
    note: str | None
    limited_on: date | None = None
    day_limit: int | None = None
    outcome: str | None = None


class Remark(NamedTuple):
    """A person's own words on what they ordered, and why it was not done, as an error's code."""

    note: str | None
    not_done: str | None


_COLUMNS = tuple(each.name for each in fields(Action))

CONSOLE_ACTIONS = Table(
    "console_actions",
    f"""
    INSERT INTO console_actions ({", ".join(_COLUMNS)})
    SELECT {", ".join(f"a.{name}" for name in _COLUMNS)}
    FROM jsonb_populate_recordset(NULL::console_actions, $1::jsonb -> 'console_actions') AS a
    JOIN payment_intents_written ON payment_intents_written.id = a.payment_intent_id
    RETURNING subject, limited_on, day_limit, currency, amount
    """,  # noqa: S608 - our own names
)

# Its rows are those of the table above.
CONSOLE_REFUND_TOTALS = Table(
    "console_refund_totals",
    """
    INSERT INTO console_refund_totals AS total (subject, day, currency, amount, day_limit)
    SELECT subject, limited_on, currency, amount, day_limit FROM console_actions_written WHERE limited_on IS NOT NULL
    ON CONFLICT (subject, day, currency) DO UPDATE
    SET amount = total.amount + excluded.amount, day_limit = excluded.day_limit
    """,
)

# Of what was not refunded, the amount is free again.
_FAIL = """
WITH failed AS (
    UPDATE console_actions SET outcome = $2 WHERE id = $1 AND outcome IS NULL
    RETURNING subject, limited_on, currency, amount
)
UPDATE console_refund_totals AS total
SET amount = total.amount - failed.amount
FROM failed
WHERE total.subject = failed.subject AND total.day = failed.limited_on AND total.currency = failed.currency
"""

# The same form may have been sent twice at once, and failed once: what was refunded counts, whatever the limit.
_DONE = """
WITH known AS (
    SELECT id, outcome FROM console_actions WHERE id = $1 FOR UPDATE
),
done AS (
    UPDATE console_actions AS a SET outcome = 'done' FROM known WHERE a.id = known.id
    RETURNING known.outcome AS earlier, a.subject, a.limited_on, a.currency, a.amount
)
UPDATE console_refund_totals AS total
SET amount = total.amount + done.amount, day_limit = greatest(total.day_limit, total.amount + done.amount)
FROM done
WHERE done.earlier <> 'done' AND total.subject = done.subject AND total.day = done.limited_on
    AND total.currency = done.currency
"""


def row_of(action: Action) -> Row:
    return {name: getattr(action, name) for name in _COLUMNS}


async def find(database: Database, action_id: UUID) -> Action | None:
    record = await database.fetchrow("SELECT * FROM console_actions WHERE id = $1", action_id)
    return _action_of(record) if record else None


def _action_of(record: Record) -> Action:
    values: dict[str, Any] = {name: record[name] for name in _COLUMNS}
    return Action(**values)


async def fail(database: Database, action_id: UUID, code: str) -> None:
    """Note that it was not done, and why."""
    await database.execute(_FAIL, action_id, code)


async def finish(database: Database, action_id: UUID) -> None:
    """Note that it was done."""
    await database.execute(_DONE, action_id)


async def remarks_on(database: Database, payment_intent_ids: Sequence[UUID]) -> dict[str, Remark]:
    """Return what else is known of the orders on these payments, by the action's id."""
    records = await database.fetch(
        "SELECT id, note, nullif(outcome, 'done') AS not_done FROM console_actions"
        " WHERE payment_intent_id = ANY ($1) ORDER BY created_at DESC LIMIT 200",
        payment_intent_ids,
    )
    return {str(record["id"]): Remark(record["note"], record["not_done"]) for record in records}


async def refunded_today(database: Database, subject: str, currency: str) -> int:
    """Return what a person has refunded today (UTC) in a currency."""
    return int(
        await database.fetchval(
            "SELECT coalesce(sum(amount), 0) FROM console_refund_totals"
            " WHERE subject = $1 AND currency = $2 AND day = (now() AT TIME ZONE 'utc')::date",
            subject,
            currency,
        )
    )
