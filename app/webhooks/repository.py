"""Store Stripe's events, each once."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.stripe_gateway import StripeEvent
from app.webhooks.models import WebhookEvent


async def accept(session: AsyncSession, event: StripeEvent, *, outcome: str) -> bool:
    """Store the event unless it is already here; tell whether it is new."""
    inserted = await session.scalar(
        insert(WebhookEvent)
        .values(id=event.id, type=event.type, object_id=event.object_id, created=event.created, outcome=outcome)
        .on_conflict_do_nothing()
        .returning(WebhookEvent.id)
    )
    return inserted is not None
