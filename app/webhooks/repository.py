"""Read what a batch of events is about, and say how the events themselves are written, each once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from app.attempts.repository import KnownAttempt
from app.db.engine import Connection, Database
from app.payment_intents import repository as payment_intents
from app.payment_intents.protocol.state import FAILURE_WINDOW
from app.payment_intents.protocol.terms import Reference
from app.payment_intents.repository import READ_PAYMENT_INTENTS, PaymentIntentLookup, Read
from app.references.repository import Row, Table
from app.stripe_gateway import StripeEvent

# In the order of their ids, so that two processes that store the same ones wait for each other in a line. An event is
# stored with the change of its reference, or not at all; one about nothing of ours is stored by itself.
WEBHOOK_EVENTS = Table(
    "webhook_events",
    """
    INSERT INTO webhook_events (id, type, object_id, created, outcome)
    SELECT e.id, e.type, e.object_id, e.created, e.outcome
    FROM jsonb_to_recordset($1::jsonb -> 'webhook_events') AS e (
        id text, type text, object_id text, created timestamptz, outcome text, kind text, reference_id text
    )
    WHERE e.kind IS NULL OR (e.kind, e.reference_id) IN (SELECT kind, id FROM written)
    ORDER BY e.id
    ON CONFLICT DO NOTHING
    RETURNING id
    """,
    result="SELECT 'event', id FROM webhook_events_written",
)

# What is stored already of a batch stands in each row: PostgreSQL works it out once.
_READ = f"""
WITH stored AS (
    SELECT
        ARRAY (SELECT id FROM webhook_events WHERE id = ANY ($5)) AS stored_events,
        (
            SELECT jsonb_object_agg(key, jsonb_build_object('id', id, 'status', status))
            FROM payment_attempts WHERE key = ANY ($6)
        ) AS stored_attempts
)
SELECT stored.*, found.*
FROM stored LEFT JOIN ({READ_PAYMENT_INTENTS}) AS found ON true
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class BatchRead:
    """What is here of a batch of events: their PaymentIntents, and which of them and their attempts are stored."""

    reads: Sequence[Read]
    event_ids: frozenset[str]
    attempts: Mapping[str, KnownAttempt]


async def read_batch(
    database: Database | Connection,
    lookups: Sequence[PaymentIntentLookup],
    *,
    event_ids: Sequence[str],
    attempt_keys: Sequence[str],
    threshold: int,
) -> BatchRead:
    """Read all that a batch is about with one statement."""
    stripe_ids = [each.stripe_id for each in lookups]
    ids = [each.payment_intent_id for each in lookups if each.payment_intent_id is not None]
    values = (threshold, FAILURE_WINDOW, stripe_ids, ids, event_ids, attempt_keys)
    records = await database.fetch(_READ, *values)
    attempts = records[0]["stored_attempts"]
    return BatchRead(
        payment_intents.reads_of(record for record in records if record["kind"] is not None),
        frozenset(records[0]["stored_events"]),
        msgspec.json.decode(attempts, type=dict[str, KnownAttempt]) if attempts else {},
    )


async def find_received(database: Database, event_ids: Sequence[str]) -> dict[str, datetime]:
    """Return which of these events are stored, and since when."""
    records = await database.fetch("SELECT id, received_at FROM webhook_events WHERE id = ANY ($1)", event_ids)
    return {record["id"]: record["received_at"] for record in records}


def row_of(event: StripeEvent, outcome: str, reference: Reference | None) -> Row:
    row: dict[str, Any] = {
        "id": event.id,
        "type": event.type,
        "object_id": event.object_id,
        "created": event.created,
        "outcome": outcome,
    }
    if reference is not None:
        row |= {"kind": reference.kind, "reference_id": reference.id}
    return row
