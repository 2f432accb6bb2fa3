"""Stripe's list of events. Stripe keeps them for 30 days.

Source: docs.stripe.com/webhooks/process-undelivered-events.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.stripe_gateway.snapshots import Json, StripeEvent

# Every type that this service reads, and as many as the list accepts. `charge.captured`,
# `payment_intent.partially_funded` and the changes of a dispute's funds are left out: they say nothing that the others
# do not.
TYPES = (
    *(
        f"payment_intent.{name}"
        for name in (
            "created",
            "requires_action",
            "processing",
            "payment_failed",
            "amount_capturable_updated",
            "succeeded",
            "canceled",
        )
    ),
    *(f"charge.{name}" for name in ("pending", "succeeded", "failed", "expired", "updated", "refunded")),
    *(f"charge.dispute.{name}" for name in ("created", "updated", "closed")),
    *(f"refund.{name}" for name in ("created", "updated", "failed")),
    "radar.early_fraud_warning.created",
)


@dataclass(frozen=True, slots=True)
class Window:
    """A period, and whether only those of its events are wanted that an endpoint did not accept."""

    since: datetime
    until: datetime
    is_undelivered: bool

    def params(self) -> dict[str, Any]:
        created = {"gte": int(self.since.timestamp()), "lte": int(self.until.timestamp())}
        undelivered = {"delivery_success": False} if self.is_undelivered else {}
        return {"types": list(TYPES), "created": created} | undelivered


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first. `next_after` is the cursor of the next page, None on the last."""

    events: tuple[StripeEvent, ...]
    unreadable: int
    next_after: str | None

    @classmethod
    def parse(cls, page: Json) -> "EventPage":
        """Read a page of Stripe's list. Raises KeyError, TypeError or IndexError when it is of another shape."""
        data: list[Mapping[str, Any]] = page["data"]
        events = []
        for obj in data:
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                events.append(StripeEvent.parse(obj))
        return cls(tuple(events), len(data) - len(events), data[-1]["id"] if page["has_more"] else None)
