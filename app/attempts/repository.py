"""Write and read the ledger: never two rows for one attempt, whichever event tells of it first."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import case, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.attempts.models import PaymentAttempt
from app.attempts.schemas import AttemptRead, AttemptSummary
from app.stripe_gateway import ChargeSnapshot, Failure, StripeEvent

MAX_DIGITS = 18  # a cart's version fits into 64 bits


async def record_charge(
    session: AsyncSession, payment_intent_id: uuid.UUID, charge: ChargeSnapshot
) -> PaymentAttempt | None:
    """Write the attempt that this Charge is; give it when that is news, None when it was known."""
    return (await record_charges(session, [(payment_intent_id, charge)])).get(charge.id)


async def record_charges(
    session: AsyncSession, charges: Sequence[tuple[uuid.UUID, ChargeSnapshot]]
) -> dict[str, PaymentAttempt]:
    """Write the attempts that different Charges are; give those that are news, by the Charge's id."""
    written = await _write(session, [_values(payment_intent_id, charge) for payment_intent_id, charge in charges])
    return {attempt.key: attempt for attempt in written}


def _values(payment_intent_id: uuid.UUID, charge: ChargeSnapshot) -> dict[str, Any]:
    method = charge.payment_method
    return {
        "payment_intent_id": payment_intent_id,
        "key": charge.id,
        "charge_id": charge.id,
        "status": charge.status,
        "amount": charge.amount,
        "currency": charge.currency,
        "cart_version": _cart_version(charge.metadata),
        "payment_method_type": method.type,
        "card_brand": method.card_brand,
        "card_last4": method.card_last4,
        "failure_code": charge.failure_code,
        "decline_code": charge.decline_code,
        "message": charge.failure_message,
        "outcome_type": charge.outcome_type,
        "risk_level": charge.risk_level,
        "seller_message": charge.seller_message,
        "three_d_secure": method.three_d_secure,
        "attempted_at": charge.created,
    }


async def record_failure(
    session: AsyncSession,
    payment_intent_id: uuid.UUID,
    failure: Failure,
    event: StripeEvent,
    *,
    amount: int,
    currency: str,
    metadata: Mapping[str, str],
) -> PaymentAttempt | None:
    """Write an attempt that failed without a Charge, as 3DS failures do; one with a Charge is left to it."""
    if failure.charge_id is not None:
        return None
    method = failure.payment_method
    # Two events of one failure share its request; where Stripe names none (a challenge that ran out), its second.
    cause = event.request_id or int(event.created.timestamp())
    values = {
        "payment_intent_id": payment_intent_id,
        "key": f"{event.object_id}:{cause}:{failure.payment_method_id}",
        "charge_id": None,
        "status": "failed",
        "amount": amount,
        "currency": currency,
        "cart_version": _cart_version(metadata),
        "payment_method_type": method.type,
        "card_brand": method.card_brand,
        "card_last4": method.card_last4,
        "failure_code": failure.code,
        "decline_code": failure.decline_code,
        "message": failure.message,
        "three_d_secure": "failed" if failure.code == "payment_intent_authentication_failure" else None,
        "attempted_at": event.created,
    }
    return next(iter(await _write(session, [values])), None)


COLUMNS = tuple(column.name for column in PaymentAttempt.__table__.columns if column.name != "created_at")
CHANGED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in {"id", "key", "payment_intent_id"})

# One statement for any number, in the order of their keys so that no two of them block each other. A later telling of
# the same attempt may only finish one that was pending.
WRITE = text(
    f"INSERT INTO payment_attempts ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)}"  # noqa: S608 - our own names
    " FROM jsonb_populate_recordset(NULL::payment_attempts, CAST(:rows AS jsonb)) ORDER BY key"
    f" ON CONFLICT (key) DO UPDATE SET {CHANGED}"
    " WHERE payment_attempts.status = 'pending' AND excluded.status <> 'pending' RETURNING *"
).columns(*PaymentAttempt.__table__.columns)


async def _write(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> list[PaymentAttempt]:
    """Insert attempts of different keys; give those that are news."""
    if not rows:
        return []
    values = json.dumps([{"id": uuid7(), **row} for row in rows], default=str)
    statement = select(PaymentAttempt).from_statement(WRITE).execution_options(populate_existing=True)
    found = await session.scalars(statement, {"rows": values})
    return list(found)


def _cart_version(metadata: Mapping[str, str]) -> int | None:
    version = metadata.get("cart_version", "")
    return int(version) if version.isdecimal() and len(version) <= MAX_DIGITS else None


async def summarize(session: AsyncSession, payment_intent_id: uuid.UUID) -> AttemptSummary:
    """Count the attempts on a PaymentIntent and give the last one."""
    of_this = PaymentAttempt.payment_intent_id == payment_intent_id
    failed = func.sum(case((PaymentAttempt.status == "failed", 1), else_=0)).over()
    statement = (
        select(PaymentAttempt, func.count().over(), failed)
        .where(of_this)
        .order_by(PaymentAttempt.attempted_at.desc(), PaymentAttempt.id.desc())
        .limit(1)
    )
    found = (await session.execute(statement)).first()
    if found is None:
        return AttemptSummary(count=0, failed=0, last=None)
    last, count, failures = found
    return AttemptSummary(count=count, failed=failures, last=AttemptRead.model_validate(last))
