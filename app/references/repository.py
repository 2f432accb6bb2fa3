"""Find and lock references."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.references.models import PaymentReference, Reference


async def lock(session: AsyncSession, reference: Reference) -> PaymentReference | None:
    """Lock the reference's row until the transaction ends, or give None when there is none."""
    statement = (
        select(PaymentReference)
        .where(PaymentReference.kind == reference.kind, PaymentReference.id == reference.id)
        .with_for_update()
    )
    found: PaymentReference | None = await session.scalar(statement)
    return found


async def lock_or_create(session: AsyncSession, reference: Reference) -> PaymentReference:
    """Lock the reference's row, made now if it is new.

    Two that make it at once are put in a line by an advisory lock, not by the insert's conflict: a
    transaction gets its number (xid) at its first write, and the feed's order needs that only after
    the wait is over.
    """
    if found := await lock(session, reference):
        return found
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"{reference.kind}:{reference.id}", 0)))
    )
    if found := await lock(session, reference):
        return found
    row = PaymentReference(kind=reference.kind, id=reference.id, next_generation=1, next_sequence=1)
    session.add(row)
    await session.flush()
    return row
