"""The Stripe account that the PaymentIntents here are of."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, func, true
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.stripe_account.account import Mode


class StripeAccount(Base):
    """The table of `account.Account`. It has one row, once a key has been used."""

    __tablename__ = "stripe_account"
    __table_args__ = (
        CheckConstraint("is_only", name="is_only"),
        CheckConstraint("mode IN ('live', 'test')", name="mode"),
    )

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=true())
    account_id: Mapped[str]
    mode: Mapped[Mode] = mapped_column(Text)
    accepted_at: Mapped[datetime] = mapped_column(server_default=func.now())
