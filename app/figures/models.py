"""What happened in each hour, in numbers."""

from datetime import datetime

from sqlalchemy import Float
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base


class HourlyFigure(Base):
    """One number of one hour: how many, and the sum of what was measured (seconds), where something was.

    `name` is what is counted, `label` the kind of it: `attempts` of `visa|failed`.
    """

    __tablename__ = "hourly_figures"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    total: Mapped[float] = mapped_column(Float)
