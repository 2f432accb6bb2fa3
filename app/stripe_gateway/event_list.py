"""Stripe's list of events, which it keeps for 30 days. Source: docs.stripe.com/webhooks/process-undelivered-events."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.stripe_gateway.snapshots import Json, StripeEvent

# All that tell us anything, and as many as the list takes: `charge.captured` and the movements of a dispute's funds
# say nothing that the others do not.
TYPES = (
    *(
        f"payment_intent.{name}"
        for name in (
            "created",
            "requires_action",
            "processing",
            "payment_failed",
            "amount_capturable_updated",
            "partially_funded",
            "succeeded",
            "canceled",
        )
    ),
    *(f"charge.{name}" for name in ("pending", "succeeded", "failed", "expired", "updated", "refunded")),
    *(f"charge.dispute.{name}" for name in ("created", "updated", "closed")),
    *(f"refund.{name}" for name in ("created", "updated", "failed")),
)


@dataclass(frozen=True, slots=True)
class Window:
    """A time, and whether only those events of it are wanted that an endpoint did not take."""

    since: datetime
    until: datetime
    is_undelivered: bool

    def params(self) -> dict[str, Any]:
        created = {"gte": int(self.since.timestamp()), "lte": int(self.until.timestamp())}
        undelivered = {"delivery_success": False} if self.is_undelivered else {}
        return {"types": list(TYPES), "created": created} | undelivered


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first, and where the next page begins; None at the end."""

    events: tuple[StripeEvent, ...]
    unreadable: int
    next_after: str | None

    @classmethod
    def parse(cls, page: Json) -> "EventPage":
        """Read Stripe's page. Raises KeyError, TypeError or IndexError when it is none."""
        data: list[Mapping[str, Any]] = page["data"]
        events = []
        for obj in data:
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                events.append(StripeEvent.parse(obj))
        return cls(tuple(events), len(data) - len(events), data[-1]["id"] if page["has_more"] else None)
