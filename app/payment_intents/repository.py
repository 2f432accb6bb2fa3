"""Find PaymentIntents."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.attempts.models import PaymentAttempt
from app.pages import Cursor
from app.payment_intents.models import PaymentIntent
from app.references.models import Reference


async def newest_and_now(session: AsyncSession, reference: Reference) -> tuple[PaymentIntent | None, datetime]:
    """Give the newest generation and the time of the database, the one clock that all replicas share."""
    of_reference = (PaymentIntent.reference_kind == reference.kind) & (PaymentIntent.reference_id == reference.id)
    clock = select(func.clock_timestamp().label("now")).subquery()
    statement = (
        select(PaymentIntent, clock.c.now)
        .select_from(clock)
        .outerjoin(PaymentIntent, of_reference)
        .order_by(PaymentIntent.generation.desc().nulls_last())
        .limit(1)
    )
    row, now = (await session.execute(statement)).one()
    return row, now


async def get(session: AsyncSession, payment_intent_id: uuid.UUID) -> PaymentIntent:
    """Give a PaymentIntent that is known to exist: none is ever deleted."""
    return await session.get_one(PaymentIntent, payment_intent_id)


@dataclass(frozen=True, slots=True)
class Name:
    """How something at Stripe names its PaymentIntent: by Stripe's id, and by ours if we made it."""

    stripe_id: str
    payment_intent_id: uuid.UUID | None

    def matches(self) -> ColumnElement[bool]:
        """Match Stripe's id; ours counts only on a row that has none yet."""
        unanswered = (PaymentIntent.id == self.payment_intent_id) & PaymentIntent.stripe_id.is_(None)
        return or_(PaymentIntent.stripe_id == self.stripe_id, unanswered)


async def find_reference(session: AsyncSession, name: Name) -> Reference | None:
    """Tell what a PaymentIntent is for."""
    found = await session.execute(
        select(PaymentIntent.reference_kind, PaymentIntent.reference_id).where(name.matches())
    )
    first = found.first()
    return Reference(*first) if first else None


async def find(session: AsyncSession, name: Name) -> PaymentIntent | None:
    """Find a PaymentIntent of a locked reference."""
    statement = select(PaymentIntent).where(name.matches())
    found: PaymentIntent | None = await session.scalar(statement)
    return found


async def list_attempts(
    session: AsyncSession, reference: Reference, *, after: Cursor | None, limit: int
) -> list[PaymentAttempt]:
    """List the attempts on all generations of a reference, newest first, from the cursor on."""
    statement = (
        select(PaymentAttempt)
        .join(PaymentIntent, PaymentIntent.id == PaymentAttempt.payment_intent_id)
        .where(PaymentIntent.reference_kind == reference.kind, PaymentIntent.reference_id == reference.id)
        .order_by(PaymentAttempt.attempted_at.desc(), PaymentAttempt.id.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(PaymentAttempt.attempted_at, PaymentAttempt.id) < (after.at, after.id))
    return list(await session.scalars(statement))
