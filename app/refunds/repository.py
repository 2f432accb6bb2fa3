"""Read refunds, and say how one is written."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.db.conditions import Conditions, fetch_planned
from app.db.engine import Connection, Database, Record
from app.http.pagination import Page
from app.payment_intents.protocol.terms import Reference
from app.references.repository import Row, Table
from app.refunds.refund import Refund

# A refund that stays open is asked about at ever twice its age, within these bounds.
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=3)

_COLUMNS = tuple(each.name for each in fields(Refund))
_CHANGED = ("stripe_id", "amount", "currency", "status", "failure_reason", "refusal", "recheck_after", "updated_at")

REFUNDS = Table(
    "refunds",
    f"""
    INSERT INTO refunds ({", ".join(_COLUMNS)})
    SELECT {", ".join(f"r.{name}" for name in _COLUMNS)}
    FROM jsonb_populate_recordset(NULL::refunds, $1::jsonb -> 'refunds') AS r
    JOIN payment_intents_written ON payment_intents_written.id = r.payment_intent_id
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)}
    """,  # noqa: S608 - our own names
)

_READ = """
SELECT r.*, p.reference_kind, p.reference_id
FROM refunds AS r JOIN payment_intents AS p ON p.id = r.payment_intent_id
"""

# What is due now comes up again later; another replica's rows are left to it.
_CLAIM_DUE = """
UPDATE refunds
SET recheck_after = now() + least(greatest(now() - created_at, $1::interval), $2::interval)
WHERE id IN (
    SELECT id FROM refunds WHERE recheck_after <= now() ORDER BY recheck_after LIMIT $3 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


async def get(database: Database, refund_id: UUID) -> Refund:
    """Read a refund that is known to exist: none is ever deleted."""
    return refund_of(await database.fetchone("SELECT * FROM refunds WHERE id = $1", refund_id))


async def find_by_key(database: Database, client: str, key: str) -> Refund | None:
    found = await database.fetchrow("SELECT * FROM refunds WHERE client = $1 AND idempotency_key = $2", client, key)
    return refund_of(found) if found else None


async def find_with_reference(database: Database, name: str) -> tuple[Refund, Reference] | None:
    """Find a refund by our id or Stripe's, which has an underscore, and what its payment was for."""
    stripe_id, refund_id = (name, None) if "_" in name else (None, UUID(name))
    found = await database.fetchrow(_READ + "WHERE r.stripe_id = $1 OR r.id = $2", stripe_id, refund_id)
    return _with_reference(found) if found else None


async def read_of(database: Database | Connection, payment_intent_ids: Sequence[UUID]) -> dict[str, Refund]:
    """Return the refunds of PaymentIntents, by our id."""
    records = await database.fetch("SELECT * FROM refunds WHERE payment_intent_id = ANY ($1)", payment_intent_ids)
    return {str(record["id"]): refund_of(record) for record in records}


async def list_refunds(
    database: Database, page: Page, *, status: str | None = None, reference: Reference | None = None
) -> list[tuple[Refund, Reference]]:
    """List refunds, newest first, and one more than the page has."""
    query = Conditions()
    query.add("r.status = {}", status)
    if reference is not None:
        query.add("p.reference_kind = {} AND p.reference_id = {}", reference.kind, reference.id)
    if page.after is not None:
        query.add("(r.created_at, r.id) < ({}, {})", page.after.at, page.after.id)
    order = f"ORDER BY r.created_at DESC, r.id DESC LIMIT {page.limit + 1}"
    records = await fetch_planned(database, f"{_READ} WHERE {query.where} {order}", *query.values)
    return [_with_reference(record) for record in records]


async def claim_due(connection: Any, *, limit: int) -> list[UUID]:
    """Take the refunds that Stripe must be asked about now, and say when each comes up again."""
    return [record["id"] for record in await connection.fetch(_CLAIM_DUE, SHORTEST_PAUSE, LONGEST_PAUSE, limit)]


def refund_of(record: Record) -> Refund:
    values = {name: record[name] for name in _COLUMNS}
    refusal = values["refusal"]
    return Refund(**values | {"refusal": msgspec.json.decode(refusal) if refusal else None})


def _with_reference(record: Record) -> tuple[Refund, Reference]:
    return refund_of(record), Reference(record["reference_kind"], record["reference_id"])


def row_of(refund: Refund) -> Row:
    row: dict[str, Any] = {name: getattr(refund, name) for name in _COLUMNS}
    params = refund.create_params
    return row | {"create_params": msgspec.Raw(params.encode()) if params else None}
