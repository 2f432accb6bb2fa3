"""What Stripe said, as our own frozen values: never the library's objects, whose repr shows secrets.

Shapes are Stripe's (API version 2026-10-28.endive), read tolerantly: what is missing is None, and
unknown words are kept as they are. Amounts are integers in minor units, times are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

TERMINAL = frozenset({"succeeded", "canceled"})
FROZEN = frozenset({"processing", "requires_capture"})
PAYABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


def _id(value: object) -> str | None:
    """Give the id of what Stripe names either by id or, when expanded, by the object."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else None


def _text(obj: Json, name: str) -> str:
    if not isinstance(value := obj[name], str):
        raise TypeError(f"{name} is not a string")
    return value


def _amount(obj: Json, name: str) -> int:
    """Read an amount; missing and null are nothing."""
    value = obj.get(name)
    if value is not None and type(value) is not int:
        raise TypeError(f"{name} is not an integer")
    return value or 0


def _nested(obj: Json, name: str) -> Json:
    value = obj.get(name)
    return value if isinstance(value, Mapping) else {}


def _metadata(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def _time(seconds: object) -> datetime:
    return datetime.fromtimestamp(seconds if isinstance(seconds, int | float) else 0, UTC)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as `last_payment_error` has it."""

    code: str | None
    decline_code: str | None
    message: str | None
    charge_id: str | None
    payment_method_id: str | None
    payment_method: Json

    @classmethod
    def parse(cls, error: Json) -> "Failure":
        method = error.get("payment_method")
        return cls(
            code=error.get("code"),
            decline_code=error.get("decline_code"),
            message=error.get("message"),
            charge_id=_id(error.get("charge")),
            payment_method_id=_id(method),
            payment_method=method if isinstance(method, Mapping) else {},
        )


@dataclass(frozen=True, slots=True)
class PaymentIntentSnapshot:
    """A PaymentIntent at the moment when Stripe rendered it.

    `is_replay` marks an answer that Stripe repeated from memory for a known idempotency key: it shows
    the past. The client secret is not among the fields: the gateway keeps it in memory.
    """

    id: str
    status: str
    amount: int
    currency: str
    amount_received: int
    amount_capturable: int
    metadata: Mapping[str, str]
    latest_charge_id: str | None
    last_payment_error: Failure | None
    cancellation_reason: str | None
    created: datetime
    is_replay: bool = False
    request_id: str | None = None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @classmethod
    def parse(cls, obj: Json, *, is_replay: bool = False, request_id: str | None = None) -> "PaymentIntentSnapshot":
        """Read Stripe's object. Raises KeyError or TypeError when it lacks what every PaymentIntent has."""
        error = obj.get("last_payment_error")
        return cls(
            id=_text(obj, "id"),
            status=_text(obj, "status"),
            amount=_amount(obj, "amount"),
            currency=_text(obj, "currency"),
            amount_received=_amount(obj, "amount_received"),
            amount_capturable=_amount(obj, "amount_capturable"),
            metadata=_metadata(obj.get("metadata")),
            latest_charge_id=_id(obj.get("latest_charge")),
            last_payment_error=Failure.parse(error) if isinstance(error, Mapping) else None,
            cancellation_reason=obj.get("cancellation_reason"),
            created=_time(obj.get("created")),
            is_replay=is_replay,
            request_id=request_id,
        )


@dataclass(frozen=True, slots=True)
class ChargeSnapshot:
    """One attempt to move money, failed or not."""

    id: str
    payment_intent_id: str | None
    status: str
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    metadata: Mapping[str, str]
    failure_code: str | None
    failure_message: str | None
    outcome: Json
    payment_method_id: str | None
    payment_method_details: Json
    is_disputed: bool
    created: datetime

    @classmethod
    def parse(cls, obj: Json) -> "ChargeSnapshot":
        """Read Stripe's object. Raises KeyError or TypeError when it lacks what every Charge has."""
        return cls(
            id=_text(obj, "id"),
            payment_intent_id=_id(obj.get("payment_intent")),
            status=_text(obj, "status"),
            amount=_amount(obj, "amount"),
            amount_captured=_amount(obj, "amount_captured"),
            amount_refunded=_amount(obj, "amount_refunded"),
            currency=_text(obj, "currency"),
            metadata=_metadata(obj.get("metadata")),
            failure_code=obj.get("failure_code"),
            failure_message=obj.get("failure_message"),
            outcome=_nested(obj, "outcome"),
            payment_method_id=_id(obj.get("payment_method")),
            payment_method_details=_nested(obj, "payment_method_details"),
            is_disputed=bool(obj.get("disputed")),
            created=_time(obj.get("created")),
        )


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund at the moment when Stripe rendered it; without a status, as Stripe allows, it counts as `pending`."""

    id: str
    payment_intent_id: str | None
    status: str
    amount: int
    currency: str
    reason: str | None
    failure_reason: str | None
    metadata: Mapping[str, str]
    created: datetime
    is_replay: bool = False
    request_id: str | None = None

    @classmethod
    def parse(cls, obj: Json, *, is_replay: bool = False, request_id: str | None = None) -> "RefundSnapshot":
        """Read Stripe's object. Raises KeyError or TypeError when it lacks what every Refund has."""
        return cls(
            id=_text(obj, "id"),
            payment_intent_id=_id(obj.get("payment_intent")),
            status="pending" if obj.get("status") is None else _text(obj, "status"),
            amount=_amount(obj, "amount"),
            currency=_text(obj, "currency"),
            reason=obj.get("reason"),
            failure_reason=obj.get("failure_reason"),
            metadata=_metadata(obj.get("metadata")),
            created=_time(obj.get("created")),
            is_replay=is_replay,
            request_id=request_id,
        )


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """A webhook's event, or one of Stripe's list: `object` is the snapshot it carries, unparsed.

    `object` may hold a client secret: it is read at once and never stored.
    """

    id: str
    type: str
    created: datetime
    object: Json = field(repr=False)
    object_kind: str
    object_id: str | None
    request_id: str | None
    livemode: bool

    @classmethod
    def parse(cls, event: Json) -> "StripeEvent":
        """Read a snapshot event. Raises KeyError or TypeError when it is of another shape."""
        if event["object"] != "event":
            raise TypeError("not a snapshot event")
        obj = event["data"]["object"]
        return cls(
            id=_text(event, "id"),
            type=_text(event, "type"),
            created=_time(event["created"]),
            object=obj,
            object_kind=_text(obj, "object"),
            object_id=_id(obj),
            request_id=_nested(event, "request").get("id"),
            livemode=bool(event.get("livemode")),
        )
