"""Read disputes, and say how one is written."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.conditions import Conditions, fetch_planned
from app.db.engine import Connection, Database, Record
from app.disputes.dispute import Dispute
from app.http.pagination import Page
from app.payment_intents.protocol.terms import Reference
from app.references.repository import Row, Table

_FIELDS = tuple(each.name for each in fields(Dispute))
_COLUMNS = (*_FIELDS, "created_at", "updated_at")
_CHANGED = ("charge_id", "status", "reason", "amount", "currency", "due_by", "is_charge_refundable", "updated_at")

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

_READ = """
SELECT d.*, p.reference_kind, p.reference_id
FROM disputes AS d JOIN payment_intents AS p ON p.id = d.payment_intent_id
"""


async def read_of(database: Database | Connection, payment_intent_ids: Sequence[UUID]) -> dict[str, Dispute]:
    """Return the disputes of PaymentIntents, by Stripe's id."""
    records = await database.fetch("SELECT * FROM disputes WHERE payment_intent_id = ANY ($1)", payment_intent_ids)
    return {record["stripe_id"]: _dispute_of(record) for record in records}


async def find_with_reference(database: Database, name: str) -> tuple[Dispute, Reference] | None:
    """Find a dispute by our id or Stripe's, which has an underscore, and what its payment was for."""
    stripe_id, dispute_id = (name, None) if "_" in name else (None, UUID(name))
    found = await database.fetchrow(_READ + "WHERE d.stripe_id = $1 OR d.id = $2", stripe_id, dispute_id)
    return _with_reference(found) if found else None


async def list_disputes(
    database: Database, status: str | None, reference: Reference | None, page: Page
) -> list[tuple[Dispute, Reference]]:
    """List disputes, newest first, and one more than the page has."""
    query = Conditions()
    query.add("d.status = {}", status)
    if reference is not None:
        query.add("p.reference_kind = {} AND p.reference_id = {}", reference.kind, reference.id)
    if page.after is not None:
        query.add("(d.opened_at, d.id) < ({}, {})", page.after.at, page.after.id)
    order = f"ORDER BY d.opened_at DESC, d.id DESC LIMIT {page.limit + 1}"
    records = await fetch_planned(database, f"{_READ} WHERE {query.where} {order}", *query.values)
    return [_with_reference(record) for record in records]


def _dispute_of(record: Record) -> Dispute:
    return Dispute(*(record[name] for name in _FIELDS))


def _with_reference(record: Record) -> tuple[Dispute, Reference]:
    return _dispute_of(record), Reference(record["reference_kind"], record["reference_id"])


def row_of(dispute: Dispute, *, now: datetime) -> Row:
    row: dict[str, Any] = {name: getattr(dispute, name) for name in _FIELDS}
    return row | {"created_at": now, "updated_at": now}
