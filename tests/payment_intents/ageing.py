"""Let time pass for what is stored, as if all of it had been done earlier."""

from datetime import timedelta

from sqlalchemy import text

from app.resources import Resources

MOMENTS = ("touched_at", "updated_at", "lease_until", "check_at", "asked_at")


async def age(resources: Resources, by: timedelta, *, moments: tuple[str, ...] = MOMENTS) -> None:
    """Move these moments of all PaymentIntents back."""
    changes = ", ".join(f"{moment} = {moment} - CAST(:by AS interval)" for moment in moments)
    async with resources.sessions.begin() as session:
        await session.execute(text(f"UPDATE payment_intents SET {changes}"), {"by": by})  # noqa: S608 - names of columns
