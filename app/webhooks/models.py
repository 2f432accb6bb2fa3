"""The events that Stripe sent us, reduced to what may be stored: a raw body holds the client secret."""

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class WebhookEvent(Base):
    """One event of Stripe's. It and all its effects were committed together.

    `outcome` is `recorded` or, for events about objects that are not ours, `ignored`.
    """

    __tablename__ = "webhook_events"

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_id: Mapped[str | None]
    created: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    outcome: Mapped[str]
