"""How far Stripe's list of events was read."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class Progress(Base):
    """Everything before `since` was taken in. While a pass runs, its end and the last event that it took.

    A pass reads backwards from `until`, as Stripe lists: `after` is where one that crashed goes on.
    """

    __tablename__ = "reconcile_progress"
    __table_args__ = (CheckConstraint("after IS NULL OR until IS NOT NULL", name="after"),)

    task: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    after: Mapped[str | None]
