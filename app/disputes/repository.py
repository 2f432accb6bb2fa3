"""Read disputes, and say how one is written."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.engine import Connection, Database
from app.disputes.dispute import Dispute
from app.references.repository import Row, Table

_FIELDS = tuple(each.name for each in fields(Dispute))
_COLUMNS = (*_FIELDS, "created_at", "updated_at")
_CHANGED = ("charge_id", "status", "reason", "amount", "currency", "updated_at")

DISPUTES = Table(
    "disputes",
    f"""
    INSERT INTO disputes ({", ".join(_COLUMNS)})
    SELECT {", ".join(f"d.{name}" for name in _COLUMNS)}
    FROM jsonb_populate_recordset(NULL::disputes, $1::jsonb -> 'disputes') AS d
    JOIN payment_intents_written ON payment_intents_written.id = d.payment_intent_id
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)}
    """,  # noqa: S608 - our own names
)


async def read_of(database: Database | Connection, payment_intent_ids: Sequence[UUID]) -> dict[str, Dispute]:
    """Return the disputes of PaymentIntents, by Stripe's id."""
    records = await database.fetch("SELECT * FROM disputes WHERE payment_intent_id = ANY ($1)", payment_intent_ids)
    return {record["stripe_id"]: Dispute(*(record[name] for name in _FIELDS)) for record in records}


def row_of(dispute: Dispute, *, now: datetime) -> Row:
    row: dict[str, Any] = {name: getattr(dispute, name) for name in _FIELDS}
    return row | {"created_at": now, "updated_at": now}
