"""Find PaymentIntents."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Interval,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.attempts.models import PaymentAttempt
from app.http.pagination import Cursor
from app.payment_intents.models import PaymentIntent
from app.references.models import PaymentReference, Reference
from app.stripe_gateway import FROZEN, PAYABLE


async def read_newest(session: AsyncSession, reference: Reference) -> tuple[PaymentIntent | None, str | None]:
    """Give the newest generation, and the cart that a session was moved to."""
    statement = (
        select(PaymentIntent, PaymentReference.moved_to)
        .select_from(PaymentReference)
        .outerjoin(
            PaymentIntent,
            (PaymentIntent.reference_kind == PaymentReference.kind)
            & (PaymentIntent.reference_id == PaymentReference.id),
        )
        .where(PaymentReference.kind == reference.kind, PaymentReference.id == reference.id)
        .order_by(PaymentIntent.generation.desc().nulls_last())
        .limit(1)
    )
    found = (await session.execute(statement)).first()
    return (found[0], found[1]) if found else (None, None)


async def find_named(session: AsyncSession, reference: Reference, name: str) -> PaymentIntent | None:
    """Find a PaymentIntent of the reference by our id or by Stripe's."""
    named = PaymentIntent.stripe_id == name if name.startswith("pi_") else PaymentIntent.id == uuid.UUID(name)
    found: PaymentIntent | None = await session.scalar(
        select(PaymentIntent).where(
            PaymentIntent.reference_kind == reference.kind, PaymentIntent.reference_id == reference.id, named
        )
    )
    return found


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


async def has_other_success(session: AsyncSession, row: PaymentIntent) -> bool:
    """Tell whether another PaymentIntent of the same reference was paid for the same order: follows the same one."""
    statement = select(PaymentIntent.id).where(
        PaymentIntent.reference_kind == row.reference_kind,
        PaymentIntent.reference_id == row.reference_id,
        PaymentIntent.status == "succeeded",
        PaymentIntent.id != row.id,
        PaymentIntent.previous_id.is_not_distinct_from(row.previous_id),
    )
    return (await session.scalar(statement.limit(1))) is not None


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

    def fits(self, row: PaymentIntent) -> bool:
        """Whether this row matches, as it is now."""
        return row.stripe_id == self.stripe_id or (row.stripe_id is None and row.id == self.payment_intent_id)


# Built once: webhooks are many. Of ours, only rows that have no id of Stripe's yet.
_BY_STRIPE = PaymentIntent.stripe_id == any_(bindparam("stripe_ids", type_=ARRAY(Text)))
_BY_OURS = PaymentIntent.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
_NAMED = or_(_BY_STRIPE, _BY_OURS & PaymentIntent.stripe_id.is_(None))
# Both are locked, so that PostgreSQL gives both as they are after the wait; one that was moved meanwhile is left out.
_LOCK_ALL = (
    select(PaymentReference, PaymentIntent, func.clock_timestamp())
    .join_from(
        PaymentReference,
        PaymentIntent,
        (PaymentIntent.reference_kind == PaymentReference.kind) & (PaymentIntent.reference_id == PaymentReference.id),
    )
    .where(_NAMED)
    .order_by(PaymentReference.kind.desc(), PaymentReference.id)
    .with_for_update(of=(PaymentReference, PaymentIntent))
)
_FIND_ALL = select(PaymentIntent).where(or_(_BY_STRIPE, _BY_OURS))


def _parameters(names: Sequence[Name]) -> dict[str, list[Any]]:
    ids = [name.payment_intent_id for name in names if name.payment_intent_id is not None]
    return {"stripe_ids": [name.stripe_id for name in names], "ids": ids}


async def lock_all(
    session: AsyncSession, names: Sequence[Name]
) -> list[tuple[PaymentReference, PaymentIntent, datetime]]:
    """Lock PaymentIntents and what they are for, sessions before carts as a move does; with the database's time."""
    locked = await session.execute(_LOCK_ALL, _parameters(names))
    return [(reference, row, now) for reference, row, now in locked]


async def find_all(session: AsyncSession, names: Sequence[Name]) -> list[PaymentIntent]:
    """Find those that are here at this moment under one of these ids, ours or Stripe's."""
    return list(await session.scalars(_FIND_ALL, _parameters(names)))


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


async def find_unsettled(session: AsyncSession, *, silent_after: timedelta, limit: int) -> list[uuid.UUID]:
    """Find open PaymentIntents that a crash or an unknown outcome left behind, or that were silent for so long.

    The longest unwritten first: what fails time and again is written each time, and so stands in no other's way.
    """
    now = func.now()
    may_change = PaymentIntent.status.is_(None) | PaymentIntent.status.not_in(FROZEN)
    left = or_(
        PaymentIntent.lease_until < now,
        PaymentIntent.needs_sync,
        PaymentIntent.is_closing,
        PaymentIntent.check_at < now,
        PaymentIntent.applied.is_(None),
        may_change & (PaymentIntent.applied.op("-")("revision") != PaymentIntent.requested),
        PaymentIntent.capture_amount.is_not(None),
        PaymentIntent.updated_at < now - silent_after,
    )
    is_free = or_(PaymentIntent.lease_until.is_(None), PaymentIntent.lease_until < now)
    statement = (
        select(PaymentIntent.id).where(_is_open(), is_free, left).order_by(PaymentIntent.updated_at).limit(limit)
    )
    return list(await session.scalars(statement))


async def find_abandoned(session: AsyncSession, *, idle_for: timedelta, limit: int) -> list[PaymentIntent]:
    """Find PaymentIntents that could be paid and that no shopper touched for so long, oldest first."""
    statement = (
        select(PaymentIntent)
        .where(
            _is_open(),
            PaymentIntent.status.in_(PAYABLE),
            ~PaymentIntent.is_closing,
            ~PaymentIntent.needs_sync,
            PaymentIntent.lease_token.is_(None),
            PaymentIntent.touched_at < func.now() - idle_for,
        )
        .order_by(PaymentIntent.touched_at)
        .limit(limit)
    )
    return list(await session.scalars(statement))


def _is_open() -> ColumnElement[bool]:
    return PaymentIntent.closed_at.is_(None) & PaymentIntent.status.is_distinct_from("succeeded")


async def blocked_for(
    session: AsyncSession, reference: Reference, max_failed: int, window: timedelta
) -> timedelta | None:
    """Tell how long until fewer than so many attempts, on all generations, failed within the window; None is now."""
    statement = (
        select(PaymentAttempt.attempted_at + window - func.clock_timestamp())
        .join(PaymentIntent, PaymentIntent.id == PaymentAttempt.payment_intent_id)
        .where(PaymentIntent.reference_kind == reference.kind, PaymentIntent.reference_id == reference.id)
        .where(PaymentAttempt.status == "failed")
        .order_by(PaymentAttempt.attempted_at.desc())
        .offset(max_failed - 1)
        .limit(1)
    )
    rest: timedelta | None = await session.scalar(statement)
    return rest if rest is not None and rest > timedelta(0) else None


_same_reference = aliased(PaymentIntent)
_FIND_TESTED = (
    select(_same_reference.id)
    .join(
        PaymentIntent,
        (PaymentIntent.reference_kind == _same_reference.reference_kind)
        & (PaymentIntent.reference_id == _same_reference.reference_id),
    )
    .join(PaymentAttempt, PaymentAttempt.payment_intent_id == PaymentIntent.id)
    .where(
        _same_reference.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
        PaymentAttempt.status == "failed",
        PaymentAttempt.attempted_at > func.clock_timestamp() - bindparam("window", type_=Interval),
    )
    .group_by(_same_reference.id)
    .having(func.count() >= bindparam("max_failed", type_=BigInteger))
)


async def find_tested(
    session: AsyncSession, rows: Sequence[PaymentIntent], max_failed: int, window: timedelta
) -> set[uuid.UUID]:
    """Give those of whose reference so many attempts, on all generations, failed within the window."""
    parameters = {"ids": [row.id for row in rows], "window": window, "max_failed": max_failed}
    return set(await session.scalars(_FIND_TESTED, parameters))
