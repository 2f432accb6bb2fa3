"""Who is signed in to the console, what they did there, and how much each refunded on a day."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, UniqueConstraint, false, func, true
from sqlalchemy.orm import Mapped, mapped_column

from app.auth.scopes import Role
from app.db.base import Base


class ConsoleSession(Base):
    """One browser that is signed in. Of its cookie only the SHA-256 is stored; the cookie is 256 random bits.

    The cookie changes now and then: the one before, in `previous_hash`, is accepted for a moment, for requests that are
    under way, and until the browser has shown that it got the new one (`is_confirmed`). With `is_link` it is nobody's
    browser yet, but a link that signs in once, in development.
    """

    __tablename__ = "console_sessions"
    __table_args__ = (
        UniqueConstraint("secret_hash"),
        UniqueConstraint("previous_hash"),
        Index(None, "expires_at"),
        CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
        CheckConstraint("octet_length(form_key) = 32", name="form_key"),
        CheckConstraint("role IN ('support', 'refunder', 'operator')", name="role"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    form_key: Mapped[bytes] = mapped_column(LargeBinary)
    subject: Mapped[str]
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(Text)
    is_confirmed: Mapped[bool] = mapped_column(server_default=true())
    is_link: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    rotated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ConsoleAction(Base):
    """One thing that a person asked for, under the key that its form was made with; never deleted.

    `outcome` is null until it is known: `done`, or the code of the error. `note` is the person's own words, which stand
    in no domain event. A refund of somebody who has limits counts on the day `limited_on`, against `day_limit`.
    """

    __tablename__ = "console_actions"
    __table_args__ = (
        Index(None, "payment_intent_id"),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="currency"),
        CheckConstraint("(limited_on IS NULL) = (day_limit IS NULL)", name="limited"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_intent_id: Mapped[uuid.UUID]
    action: Mapped[str]
    fingerprint: Mapped[str]
    subject: Mapped[str]
    name: Mapped[str]
    amount: Mapped[int | None]
    currency: Mapped[str | None]
    reason: Mapped[str]
    note: Mapped[str | None]
    limited_on: Mapped[date | None]
    day_limit: Mapped[int | None]
    outcome: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ConsoleRefundTotal(Base):
    """What a person has refunded on a day (UTC) in a currency. The database itself keeps it within the limit."""

    __tablename__ = "console_refund_totals"
    __table_args__ = (CheckConstraint("amount >= 0 AND amount <= day_limit", name="day_limit"),)

    subject: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int]
    day_limit: Mapped[int]
