"""Let time pass for what is stored, as if all of it had been done earlier."""

from datetime import timedelta

from app.resources import Resources
from tests.database import MOMENTS, open_database

__all__ = ["MOMENTS", "age"]


async def age(resources: Resources, by: timedelta, *, moments: tuple[str, ...] = MOMENTS) -> None:
    """Move these moments of all PaymentIntents back."""
    async with open_database(resources.settings.database_url.get_secret_value()) as database:
        await database.age(by, *moments)
