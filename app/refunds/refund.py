"""A refund that was asked for here or made at Stripe, as a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Origin = Literal["api", "stripe"]

REFUSED = "refused"

# In these no money went back, and what the refund had reserved is free again.
FREED = ("failed", "canceled", REFUSED)


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund. Its amount is reserved from the first moment on, until Stripe says that it came to nothing.

    `status` has Stripe's words, or `refused` for its definite "no" (told in `refusal`); None until it answers.
    `create_params` (JSON) are the frozen parameters of the create call, `client` with `idempotency_key` and
    `fingerprint` the request that made it; a refund that was made at Stripe (origin `stripe`) has none of them.
    `recheck_after` is when Stripe must be asked about one that is not final.
    """

    id: UUID
    payment_intent_id: UUID
    origin: Origin
    amount: int
    currency: str
    reason: str | None
    created_at: datetime
    updated_at: datetime
    stripe_id: str | None = None
    status: str | None = None
    failure_reason: str | None = None
    refusal: dict[str, Any] | None = None
    create_params: str | None = None
    client: str | None = None
    idempotency_key: str | None = None
    fingerprint: str | None = None
    recheck_after: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether Stripe need not be asked: a late failure of a succeeded one is told by webhook."""
        return self.status in {"succeeded", *FREED}


def refunded(refunds: Iterable[Refund]) -> int:
    """Return what Stripe holds as refunded."""
    return sum(each.amount for each in refunds if each.status is not None and each.status not in FREED)


def reserved(refunds: Iterable[Refund]) -> int:
    """Return what Stripe holds as refunded, with what is still on its way to it."""
    return sum(each.amount for each in refunds if each.status not in FREED)
