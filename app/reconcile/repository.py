"""Keep how far a pass over Stripe's events has come."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.reconcile.models import Progress

TASK = "undelivered"


async def begin(session: AsyncSession, *, first: datetime, until: datetime, overlap: timedelta) -> Progress:
    """Give the pass that runs, or one that was broken off, or a new one from where the last had ended."""
    progress = await session.get(Progress, TASK, with_for_update=True)
    if progress is None:
        progress = Progress(task=TASK, since=first + overlap, until=None, after=None)
        session.add(progress)
    if progress.until is None:
        progress.since, progress.until = max(first, progress.since - overlap), until
    return progress


async def advance(session: AsyncSession, after: str | None) -> None:
    """Note the last event that was taken; None: begin the pass anew."""
    await session.execute(update(Progress).where(Progress.task == TASK).values(after=after))


async def finish(session: AsyncSession, until: datetime) -> None:
    """Note that everything until then was taken."""
    await session.execute(update(Progress).where(Progress.task == TASK).values(since=until, until=None, after=None))
