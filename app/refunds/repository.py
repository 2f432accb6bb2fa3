"""Write and find refunds, and add them up."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Interval, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.pagination import Cursor
from app.payment_intents.models import PaymentIntent
from app.references.models import Reference
from app.refunds.models import FREED, Refund

# A refund that stays open is asked about at ever twice its age, within these bounds.
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one PaymentIntent: what Stripe holds as refunded, and that with what is still on its way to it."""

    refunded: int
    reserved: int


async def claim(session: AsyncSession, values: dict[str, Any]) -> Refund | None:
    """Insert a refund, or give None when the client's key belongs to another one."""
    statement = insert(Refund).values(**values)
    claimed: Refund | None = await session.scalar(
        statement.on_conflict_do_nothing(index_elements=[Refund.client, Refund.idempotency_key]).returning(Refund)
    )
    return claimed


async def get(session: AsyncSession, refund_id: uuid.UUID) -> Refund:
    """Give a refund that is known to exist: none is ever deleted."""
    return await session.get_one(Refund, refund_id)


async def find_by_key(session: AsyncSession, client: str, key: str) -> Refund | None:
    statement = select(Refund).where(Refund.client == client, Refund.idempotency_key == key)
    found: Refund | None = await session.scalar(statement)
    return found


async def find_by_stripe_id(session: AsyncSession, stripe_id: str) -> Refund | None:
    found: Refund | None = await session.scalar(select(Refund).where(Refund.stripe_id == stripe_id))
    return found


async def find_with_reference(session: AsyncSession, name: str) -> tuple[Refund, Reference] | None:
    """Find a refund by our id or Stripe's, which has an underscore, and what its payment was for."""
    is_named = Refund.stripe_id == name if "_" in name else Refund.id == uuid.UUID(name)
    found = await session.execute(
        select(Refund, PaymentIntent.reference_kind, PaymentIntent.reference_id)
        .join(PaymentIntent, PaymentIntent.id == Refund.payment_intent_id)
        .where(is_named)
    )
    first = found.first()
    return (first[0], Reference(first[1], first[2])) if first else None


async def reference_of(session: AsyncSession, payment_intent_id: uuid.UUID) -> Reference:
    """Tell what a PaymentIntent is for, without loading it: it may change until its reference is locked."""
    statement = select(PaymentIntent.reference_kind, PaymentIntent.reference_id)
    kind, name = (await session.execute(statement.where(PaymentIntent.id == payment_intent_id))).one()
    return Reference(kind, name)


async def list_payment_intents(session: AsyncSession, reference: Reference) -> list[PaymentIntent]:
    """List all generations of a reference, newest first."""
    statement = (
        select(PaymentIntent)
        .where(PaymentIntent.reference_kind == reference.kind, PaymentIntent.reference_id == reference.id)
        .order_by(PaymentIntent.generation.desc())
    )
    return list(await session.scalars(statement))


async def list_refunds(
    session: AsyncSession, reference: Reference, *, after: Cursor | None, limit: int
) -> list[Refund]:
    """List the refunds of all generations of a reference, newest first, from the cursor on."""
    statement = (
        select(Refund)
        .join(PaymentIntent, PaymentIntent.id == Refund.payment_intent_id)
        .where(PaymentIntent.reference_kind == reference.kind, PaymentIntent.reference_id == reference.id)
        .order_by(Refund.created_at.desc(), Refund.id.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(Refund.created_at, Refund.id) < (after.at, after.id))
    return list(await session.scalars(statement))


async def totals(session: AsyncSession, payment_intent_id: uuid.UUID) -> Totals:
    """Add up what counts of a PaymentIntent's refunds."""
    amount = func.sum(Refund.amount)
    statement = select(
        func.coalesce(amount.filter(Refund.status.is_not(None)), 0),
        func.coalesce(amount, 0),
    ).where(Refund.payment_intent_id == payment_intent_id, func.coalesce(Refund.status, "").not_in(FREED))
    refunded, reserved = (await session.execute(statement)).one()
    return Totals(int(refunded), int(reserved))


async def claim_due(session: AsyncSession, *, limit: int) -> list[uuid.UUID]:
    """Take the refunds that Stripe must be asked about now, and say when each comes up again."""
    due = (
        select(Refund.id)
        .where(Refund.check_at <= func.now())
        .order_by(Refund.check_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    age = func.now() - Refund.created_at
    pause = func.least(func.greatest(age, literal(SHORTEST_PAUSE, Interval)), literal(LONGEST_PAUSE, Interval))
    statement = (
        update(Refund)
        .where(Refund.id.in_(due))
        .values(check_at=func.now() + pause, updated_at=Refund.updated_at)  # the refund itself does not change
        .returning(Refund.id)
        .execution_options(synchronize_session=False)
    )
    return list(await session.scalars(statement))
