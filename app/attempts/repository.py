"""Write and read the ledger: never two rows for one attempt, whichever event tells of it first."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.attempts.models import PaymentAttempt
from app.attempts.schemas import AttemptRead, AttemptSummary
from app.stripe_gateway import ChargeSnapshot, Failure, StripeEvent

FINAL = ("succeeded", "failed")


async def record_charge(
    session: AsyncSession, payment_intent_id: uuid.UUID, charge: ChargeSnapshot
) -> PaymentAttempt | None:
    """Write the attempt that this Charge is; give it when that is news, None when it was known."""
    card = charge.payment_method_details.get("card") or {}
    values = {
        "payment_intent_id": payment_intent_id,
        "key": charge.id,
        "charge_id": charge.id,
        "status": charge.status,
        "amount": charge.amount,
        "currency": charge.currency,
        "cart_version": _cart_version(charge.metadata),
        "payment_method_type": charge.payment_method_details.get("type"),
        "card_brand": card.get("brand"),
        "card_last4": card.get("last4"),
        "failure_code": charge.failure_code,
        "decline_code": _decline_code(charge),
        "message": charge.failure_message,
        "outcome_type": charge.outcome.get("type"),
        "risk_level": charge.outcome.get("risk_level"),
        "seller_message": charge.outcome.get("seller_message"),
        "three_d_secure": (card.get("three_d_secure") or {}).get("result"),
        "attempted_at": charge.created,
    }
    return await _write(session, values)


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
    card = failure.payment_method.get("card") or {}
    values = {
        "payment_intent_id": payment_intent_id,
        "key": f"{event.object_id}:{event.request_id}:{failure.payment_method_id}",
        "charge_id": None,
        "status": "failed",
        "amount": amount,
        "currency": currency,
        "cart_version": _cart_version(metadata),
        "payment_method_type": failure.payment_method.get("type"),
        "card_brand": card.get("brand"),
        "card_last4": card.get("last4"),
        "failure_code": failure.code,
        "decline_code": failure.decline_code,
        "message": failure.message,
        "three_d_secure": "failed" if failure.code == "payment_intent_authentication_failure" else None,
        "attempted_at": event.created,
    }
    return await _write(session, values)


async def _write(session: AsyncSession, values: dict[str, Any]) -> PaymentAttempt | None:
    """Insert it; a later telling of the same attempt may only finish one that was pending."""
    statement = insert(PaymentAttempt).values(id=uuid7(), **values)
    changes = {name: statement.excluded[name] for name in values if name not in {"key", "payment_intent_id"}}
    written: PaymentAttempt | None = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=[PaymentAttempt.key],
            set_=changes,
            where=PaymentAttempt.status.not_in(FINAL) & statement.excluded.status.in_(FINAL),
        ).returning(PaymentAttempt)
    )
    return written


def _decline_code(charge: ChargeSnapshot) -> str | None:
    reason: str | None = charge.outcome.get("reason")
    return reason if charge.outcome.get("type") == "issuer_declined" else None


def _cart_version(metadata: Mapping[str, str]) -> int | None:
    version = metadata.get("cart_version", "")
    return int(version) if version.isdecimal() else None


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
