"""A refund, ours or one that somebody made in the dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.read import Json


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund at the moment when Stripe rendered it; without a status, as Stripe allows, it counts as `pending`.

    `has_moved_money` says whether it has changed the account's balance by then.
    """

    id: str
    payment_intent_id: str | None
    status: str
    amount: int
    currency: str
    reason: str | None
    failure_reason: str | None
    metadata: Mapping[str, str]
    has_moved_money: bool
    created: datetime
    is_replay: bool = False
    request_id: str | None = None

    @classmethod
    def parse(cls, obj: Json, *, is_replay: bool = False, request_id: str | None = None) -> "RefundSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every Refund has."""
        return cls(
            id=read.text(obj, "id"),
            payment_intent_id=read.id_of(obj.get("payment_intent")),
            status=_status(obj),
            amount=read.amount(obj, "amount", least=1),
            currency=read.currency(obj),
            reason=read.word(obj.get("reason")),
            failure_reason=read.word(obj.get("failure_reason")),
            metadata=read.metadata(obj.get("metadata")),
            has_moved_money=obj.get("balance_transaction") is not None,
            created=read.time(obj.get("created", 0)),
            is_replay=is_replay,
            request_id=request_id,
        )


def _status(obj: Json) -> str:
    """Read the status; `refused` is our own word for a refund that Stripe never made."""
    status = "pending" if obj.get("status") is None else read.text(obj, "status")
    if status == "refused":
        raise ValueError("refused is not a status of Stripe's")
    return status
