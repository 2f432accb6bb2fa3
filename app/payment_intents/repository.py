"""Read references with their PaymentIntents as values, and say how a change of them is written.

What the hot paths read and write stands here, as SQL: one statement to read, one to compare and set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import msgspec

from app.db import queue
from app.db.engine import Connection, Database, Record
from app.domain_events import repository as domain_events
from app.domain_events.repository import DOMAIN_EVENTS
from app.payment_intents.email import email_hash
from app.payment_intents.protocol.checkout import CheckoutState
from app.payment_intents.protocol.events import ClosedReason
from app.payment_intents.protocol.state import (
    FAILURE_WINDOW,
    Change,
    PaidIntent,
    PaymentIntentState,
    ProtocolConfig,
    ReferenceState,
    due_at,
)
from app.payment_intents.protocol.terms import AppliedTerms, NextAction, PaymentTerms, Reference
from app.references import repository as references
from app.references.repository import Row, Table, Write

# What a change of a PaymentIntent writes. Its reference and generation change when it is attached to a cart.
_KEPT = ("id", "is_checkout", "create_params", "previous_id", "created_at")
_CHANGED = (
    *("reference_kind", "reference_id", "generation", "stripe_id", "requested_terms", "revision", "is_rolled_back"),
    *("checkout_id", "checkout"),
    *("refused_revision", "applied_terms", "version", "lease_token", "lease_until", "needs_refresh", "recheck_after"),
    "unconfirmed_fields",
    *("is_cancel_requested", "cancel_reason", "cancel_requested_by", "capture_amount", "expires_after"),
    "last_activity_at",
    *("refresh_requested_at", "due_at", "email_hash"),
    "next_action",
    *("status", "amount", "currency", "amount_received", "amount_capturable", "amount_refunded", "amount_reserved"),
    *("amount_disputed", "amount_lost"),
    *("flags", "attempt_notifications", "paid_at", "closed_at", "closed_reason", "updated_at"),
)
COLUMNS = (*_KEPT, *_CHANGED)

CLOSED_REASONS: tuple[ClosedReason, ...] = get_args(ClosedReason)

# In the order in which they changed: a generation is closed before the next one opens.
PAYMENT_INTENTS = Table(
    "payment_intents",
    f"""
    INSERT INTO payment_intents AS known ({", ".join(COLUMNS)})
    SELECT {", ".join(f"p.{name}" for name in COLUMNS)}
    FROM ROWS FROM (jsonb_populate_recordset(NULL::payment_intents, $1::jsonb -> 'payment_intents'))
        WITH ORDINALITY AS p
    JOIN written ON written.kind = p.reference_kind AND written.id = p.reference_id
    ORDER BY p.ordinality
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)}
    RETURNING known.id
    """,  # noqa: S608 - our own names
    held="""
    SELECT reference_kind, reference_id
    FROM payment_intents
    WHERE id = ANY (
            ARRAY (SELECT (each ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb -> 'payment_intents') AS each)
        )
        AND id NOT IN (
            SELECT id
            FROM payment_intents
            WHERE id = ANY (
                ARRAY (SELECT (each ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb -> 'payment_intents') AS each)
            )
            FOR NO KEY UPDATE SKIP LOCKED
        )
    """,
)

# Another payment of the reference is looked for only if there may be one; failed attempts are counted only if there
# may be too many (`$1`: as many as are still allowed).
_STATE = """
    r.kind, r.id AS reference_key, r.version AS reference_version, r.next_generation, r.next_sequence, r.cart_version,
    r.moved_to, p.*, clock_timestamp() AS now,
    CASE WHEN r.next_generation > 2 THEN (
        SELECT jsonb_agg(jsonb_build_array(other.id, other.previous_id))
        FROM payment_intents AS other
        WHERE other.reference_kind = r.kind AND other.reference_id = r.id AND other.status = 'succeeded'
    ) END AS paid,
    CASE WHEN p.generation > 1 OR p.attempt_notifications >= $1 THEN ARRAY (
        SELECT attempt.attempted_at
        FROM payment_attempts AS attempt
        JOIN payment_intents AS other ON other.id = attempt.payment_intent_id
        WHERE other.reference_kind = r.kind AND other.reference_id = r.id AND attempt.status = 'failed'
            AND attempt.attempted_at > clock_timestamp() - $2::interval
        ORDER BY attempt.attempted_at DESC
        LIMIT 100
    ) END AS recent_failures
"""

READ_REFERENCE = f"""
SELECT {_STATE}
FROM (SELECT 1) AS one
LEFT JOIN payment_references AS r ON r.kind = $3 AND r.id = $4
LEFT JOIN LATERAL (
    SELECT * FROM payment_intents WHERE reference_kind = r.kind AND reference_id = r.id ORDER BY generation DESC LIMIT 1
) AS p ON true
"""  # noqa: S608 - our own text

# Under an id of ours or of Stripe's.
READ_PAYMENT_INTENTS = f"""
SELECT {_STATE}
FROM payment_intents AS p
JOIN payment_references AS r ON r.kind = p.reference_kind AND r.id = p.reference_id
WHERE p.stripe_id = ANY ($3) OR p.id = ANY ($4) OR p.checkout_id = ANY ($3)
"""  # noqa: S608 - our own text

READ_GENERATIONS = f"""
SELECT {_STATE}
FROM payment_references AS r
LEFT JOIN payment_intents AS p ON p.reference_kind = r.kind AND p.reference_id = r.id
WHERE r.kind = $3 AND r.id = $4
ORDER BY p.generation
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class Read:
    """A reference as it was at the database's time."""

    state: ReferenceState
    now: datetime


@dataclass(frozen=True, slots=True)
class PaymentIntentLookup:
    """How something at Stripe names its PaymentIntent: by Stripe's id, and by ours if we made it.

    With `is_checkout` it is Stripe's id of the Checkout Session.
    """

    stripe_id: str
    payment_intent_id: UUID | None = None
    is_checkout: bool = False

    def fits(self, row: PaymentIntentState) -> bool:
        """Whether this row is meant; our id counts only while the row has none of Stripe's for that."""
        known = row.checkout_id if self.is_checkout else row.stripe_id
        return known == self.stripe_id or (known is None and row.id == self.payment_intent_id)


async def read(database: Database | Connection, reference: Reference, *, threshold: int) -> Read:
    """Read a reference with its newest PaymentIntent.

    Failed attempts of the last hour are read too if there may be `threshold` of them.
    """
    [record] = await database.fetch(READ_REFERENCE, threshold, FAILURE_WINDOW, reference.kind, reference.id)
    if record["kind"] is None:
        return Read(ReferenceState(reference), record["now"])
    rows = () if record["id"] is None else (payment_intent_of(record),)
    return Read(_state_of(record, rows), record["now"])


async def read_generations(database: Database | Connection, reference: Reference) -> Read | None:
    """Read a reference with all its PaymentIntents; None when it is not known."""
    values = (1, FAILURE_WINDOW, reference.kind, reference.id)
    records = await database.fetch(READ_GENERATIONS, *values)
    if not records:
        return None
    rows = [payment_intent_of(each) for each in records if each["id"] is not None]
    return Read(_state_of(records[-1], rows), records[-1]["now"])


async def read_all(
    database: Database | Connection, lookups: Sequence[PaymentIntentLookup], *, threshold: int
) -> list[Read]:
    """Read the references of many PaymentIntents, each with those of them that were asked for."""
    stripe_ids = [each.stripe_id for each in lookups]
    ids = [each.payment_intent_id for each in lookups if each.payment_intent_id is not None]
    records = await database.fetch(READ_PAYMENT_INTENTS, threshold, FAILURE_WINDOW, stripe_ids, ids)
    return reads_of(records)


async def read_one(database: Database | Connection, payment_intent_id: UUID, *, threshold: int = 1) -> Read:
    """Read the reference of a PaymentIntent that is known to exist, with that PaymentIntent alone."""
    [found] = reads_of(await database.fetch(READ_PAYMENT_INTENTS, threshold, FAILURE_WINDOW, [], [payment_intent_id]))
    return found


async def get(database: Database | Connection, payment_intent_id: UUID) -> PaymentIntentState:
    """Read a PaymentIntent that is known to exist: none is ever deleted."""
    [row] = (await read_one(database, payment_intent_id)).state.payment_intents
    return row


async def find(database: Database | Connection, lookup: PaymentIntentLookup) -> PaymentIntentState | None:
    """Read a PaymentIntent under an id of ours or of Stripe's."""
    found = [row for each in await read_all(database, [lookup], threshold=1) for row in each.state.payment_intents]
    return next((row for row in found if lookup.fits(row)), None)


def reads_of(records: Iterable[Record]) -> list[Read]:
    """Return the references that rows of READ_PAYMENT_INTENTS tell of, each once."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        grouped.setdefault((record["kind"], record["reference_key"]), []).append(record)
    return [
        Read(_state_of(of_one[0], [payment_intent_of(each) for each in of_one]), of_one[0]["now"])
        for of_one in grouped.values()
    ]


def writes_of(change: Change) -> Write:
    """Return what writes a change."""
    write = Write(change.before, change.state)
    config = change.context.config
    write.add(PAYMENT_INTENTS, [row_of(row, config) for row in change.changed])
    write.add(DOMAIN_EVENTS, domain_events.rows_of(change.events))
    for table, rows in change.rows.items():
        assert isinstance(table, Table), "rows are saved under their table"  # noqa: S101 - narrows the type
        write.add(table, rows.values())
    return write


async def write(connection: Connection, change: Change) -> bool:
    """Compare and set one reference; whether it was still at the version that was read."""
    name = (change.state.reference.kind, change.state.reference.id)
    if not change.jobs:
        return name in await references.compare_and_set(connection, [writes_of(change)], "one")
    async with connection.transaction():
        is_written = name in await references.compare_and_set(connection, [writes_of(change)], "one")
        if is_written:
            await enqueue_jobs(connection, change)
    return is_written


async def enqueue_jobs(connection: Connection, change: Change) -> None:
    await queue.enqueue(
        connection,
        [queue.QueuedJob(job.name, (("payment_intent_id", str(job.payment_intent_id)),)) for job in change.jobs],
    )


def _state_of(record: Record, rows: Iterable[PaymentIntentState]) -> ReferenceState:
    paid = msgspec.json.decode(record["paid"], type=list[PaidIntent]) if record["paid"] else ()
    return ReferenceState(
        reference=Reference(record["kind"], record["reference_key"]),
        version=record["reference_version"],
        next_generation=record["next_generation"],
        next_sequence=record["next_sequence"],
        cart_version=record["cart_version"],
        moved_to=record["moved_to"],
        payment_intents=tuple(sorted(rows, key=lambda row: row.generation)),
        paid=tuple(paid),
        recent_failures=tuple(record["recent_failures"] or ()),
    )


class _AppliedExtras(msgspec.Struct):
    """What stored terms have besides; a price alone, as the release before stored it, has no `cart_version`."""

    revision: int | None = None
    is_of_session: bool = False
    cart_version: int | msgspec.UnsetType | None = msgspec.UNSET


class _StoredCheckout(msgspec.Struct):
    """A `CheckoutState`, by names."""

    id: str
    status: str
    payment_status: str
    expires_at: datetime


class _StoredAction(msgspec.Struct):
    """A `NextAction`, by names."""

    type: str
    expires_at: datetime | None = None
    amount_remaining: int | None = None


_decode_terms = msgspec.json.Decoder(PaymentTerms).decode
_decode_extras = msgspec.json.Decoder(_AppliedExtras).decode
_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_checkout = msgspec.json.Decoder(_StoredCheckout).decode
_decode_action = msgspec.json.Decoder(_StoredAction).decode


def payment_intent_of(record: Record) -> PaymentIntentState:
    """Return the value that a row is."""
    return PaymentIntentState(
        id=record["id"],
        reference=Reference(record["reference_kind"], record["reference_id"]),
        generation=record["generation"],
        create_params=record["create_params"],
        requested_terms=_decode_terms(record["requested_terms"]),
        revision=record["revision"],
        created_at=record["created_at"],
        updated_at=record["updated_at"],
        last_activity_at=record["last_activity_at"],
        is_checkout=record["is_checkout"],
        stripe_id=record["stripe_id"],
        checkout_id=record["checkout_id"],
        checkout=_checkout_of(record["checkout"]),
        previous_id=record["previous_id"],
        is_rolled_back=record["is_rolled_back"],
        refused_revision=record["refused_revision"],
        applied_terms=_applied_of(record["applied_terms"]),
        version=record["version"],
        lease_token=record["lease_token"],
        lease_until=record["lease_until"],
        needs_refresh=record["needs_refresh"],
        recheck_after=record["recheck_after"],
        unconfirmed_fields=_decode_words(record["unconfirmed_fields"]),
        is_cancel_requested=record["is_cancel_requested"],
        cancel_reason=record["cancel_reason"],
        cancel_requested_by=record["cancel_requested_by"],
        capture_amount=record["capture_amount"],
        expires_after=record["expires_after"],
        refresh_requested_at=record["refresh_requested_at"],
        status=record["status"],
        next_action=_action_of(record["next_action"]),
        amount=record["amount"],
        currency=record["currency"],
        amount_received=record["amount_received"],
        amount_capturable=record["amount_capturable"],
        amount_refunded=record["amount_refunded"],
        amount_reserved=record["amount_reserved"],
        amount_disputed=record["amount_disputed"],
        amount_lost=record["amount_lost"],
        flags=_decode_words(record["flags"]),
        attempt_notifications=record["attempt_notifications"],
        paid_at=record["paid_at"],
        closed_at=record["closed_at"],
        closed_reason=_closed_reason_of(record["closed_reason"]),
    )


def _closed_reason_of(stored: str | None) -> ClosedReason | None:
    """Return why it was closed; the release before, which may still be running, stored Stripe's word for it."""
    return next((reason for reason in CLOSED_REASONS if reason == stored), "stripe") if stored else None


def _checkout_of(stored: str | None) -> CheckoutState | None:
    if stored is None:
        return None
    checkout = _decode_checkout(stored)
    return CheckoutState(checkout.id, checkout.status, checkout.payment_status, checkout.expires_at)


def _action_of(stored: str | None) -> NextAction | None:
    if stored is None:
        return None
    action = _decode_action(stored)
    return NextAction(action.type, action.expires_at, action.amount_remaining)


def _applied_of(stored: str | None) -> AppliedTerms | None:
    """Return what Stripe holds; of a price alone not enough is known, and Stripe is asked."""
    extras = None if stored is None else _decode_extras(stored)
    if stored is None or extras is None or extras.cart_version is msgspec.UNSET:
        return None
    return AppliedTerms(_decode_terms(stored), extras.revision, extras.is_of_session)


def row_of(row: PaymentIntentState, config: ProtocolConfig) -> Row:
    """Return the row that a value is stored as."""
    stored: dict[str, Any] = {
        name: getattr(row, name)
        for name in COLUMNS
        if name not in {"reference_kind", "reference_id", "due_at", "email_hash"}
    }
    return stored | {
        "reference_kind": row.reference.kind,
        "reference_id": row.reference.id,
        "create_params": msgspec.Raw(row.create_params.encode()),
        "applied_terms": _stored_applied(row.applied_terms),
        "checkout": row.checkout._asdict() if row.checkout else None,
        "next_action": row.next_action._asdict() if row.next_action else None,
        "due_at": due_at(row, config),
        "email_hash": _email_hash(row, config),
    }


def _email_hash(row: PaymentIntentState, config: ProtocolConfig) -> str | None:
    email, key = row.terms_at_stripe.receipt_email, config.email_search_key
    return "\\x" + email_hash(email, key).hex() if email is not None and key is not None else None


def _stored_applied(applied: AppliedTerms | None) -> object:
    if applied is None:
        return None
    stored = msgspec.to_builtins(applied.terms) | {"revision": applied.revision}
    return stored | {"is_of_session": True} if applied.is_of_session else stored
