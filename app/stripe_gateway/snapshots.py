"""What Stripe said, as our own frozen values: never the library's objects, whose repr shows secrets.

Shapes are Stripe's (API version 2026-10-28.endive), read tolerantly: what is missing is None, and
unknown words are kept as they are. Amounts are integers in minor units, times are UTC. What no database column
could hold (a NUL, half a surrogate pair, an amount beyond 64 bits) is refused where it matters and None elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

TERMINAL = frozenset({"succeeded", "canceled"})
FROZEN = frozenset({"processing", "requires_capture"})
CHARGE_STATUSES = frozenset({"succeeded", "pending", "failed"})
PAYABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CURRENCY = re.compile("[a-z]{3}")
LARGEST = 2**63 - 1
LAST_SECOND = 253_402_300_799  # of the year 9999


def _word(value: object) -> str | None:
    """Give a text that can be stored; anything else is None."""
    return value if isinstance(value, str) and not UNSTORABLE.search(value) else None


def _id(value: object) -> str | None:
    """Give the id of what Stripe names either by id or, when expanded, by the object."""
    return _word(value.get("id") if isinstance(value, Mapping) else value)


def _text(obj: Json, name: str) -> str:
    if (value := _word(obj[name])) is None:
        raise TypeError(f"{name} is not a text")
    return value


def _currency(obj: Json) -> str:
    if not CURRENCY.fullmatch(value := _text(obj, "currency")):
        raise ValueError("currency has not three letters")
    return value


def _amount(obj: Json, name: str, *, least: int = 0) -> int:
    """Read an amount; missing and null are nothing."""
    value = obj.get(name)
    if value is not None and type(value) is not int:
        raise TypeError(f"{name} is not an integer")
    if not least <= (value or 0) <= LARGEST:
        raise ValueError(f"{name} is out of range")
    return value or 0


def _nested(obj: Json, name: str) -> Json:
    value = obj.get(name)
    return value if isinstance(value, Mapping) else {}


def _words(obj: Json, *names: str) -> dict[str, str | None]:
    return {name: _word(obj.get(name)) for name in names}


def _metadata(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: word for key, item in items if (word := _word(item)) is not None and _word(key)}


def _time(seconds: object) -> datetime:
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LAST_SECOND:
        raise ValueError("not a time")
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """What was paid with, as far as it may be shown; `three_d_secure` is the result, where 3DS ran."""

    type: str | None
    card_brand: str | None
    card_last4: str | None
    three_d_secure: str | None

    @classmethod
    def parse(cls, details: Json) -> "PaymentMethod":
        card = _nested(details, "card")
        return cls(
            type=_word(details.get("type")),
            card_brand=_word(card.get("brand")),
            card_last4=_word(card.get("last4")),
            three_d_secure=_word(_nested(card, "three_d_secure").get("result")),
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as `last_payment_error` has it."""

    code: str | None
    decline_code: str | None
    message: str | None
    charge_id: str | None
    payment_method_id: str | None
    payment_method: PaymentMethod

    @classmethod
    def parse(cls, error: Json) -> "Failure":
        return cls(
            code=_word(error.get("code")),
            decline_code=_word(error.get("decline_code")),
            message=_word(error.get("message")),
            charge_id=_id(error.get("charge")),
            payment_method_id=_id(error.get("payment_method")),
            payment_method=PaymentMethod.parse(_nested(error, "payment_method")),
        )


STATED = (
    "description",
    "receipt_email",
    "statement_descriptor_suffix",
    "setup_future_usage",
    "capture_method",
)
ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def _shipping(obj: Json) -> Json | None:
    shipping = _nested(obj, "shipping")
    address = _words(_nested(shipping, "address"), *ADDRESS)
    return _words(shipping, "name", "phone", "carrier", "tracking_number") | {"address": address} if shipping else None


@dataclass(frozen=True, slots=True)
class PaymentIntentSnapshot:
    """A PaymentIntent at the moment when Stripe rendered it.

    `is_replay` marks an answer that Stripe repeated from memory for a known idempotency key: it shows
    the past. `fields` are the others that a caller can state, by Stripe's names. The client secret is not here: the
    gateway keeps it in memory.
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
    fields: Json = field(repr=False)
    is_replay: bool = False
    request_id: str | None = None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @classmethod
    def parse(cls, obj: Json, *, is_replay: bool = False, request_id: str | None = None) -> "PaymentIntentSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what all have."""
        error = obj.get("last_payment_error")
        return cls(
            id=_text(obj, "id"),
            status=_text(obj, "status"),
            amount=_amount(obj, "amount", least=1),
            currency=_currency(obj),
            amount_received=_amount(obj, "amount_received"),
            amount_capturable=_amount(obj, "amount_capturable"),
            metadata=_metadata(obj.get("metadata")),
            latest_charge_id=_id(obj.get("latest_charge")),
            last_payment_error=Failure.parse(error) if isinstance(error, Mapping) else None,
            cancellation_reason=_word(obj.get("cancellation_reason")),
            created=_time(obj.get("created", 0)),
            fields=_words(obj, *STATED) | {"customer": _id(obj.get("customer")), "shipping": _shipping(obj)},
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
    decline_code: str | None
    outcome_type: str | None
    risk_level: str | None
    seller_message: str | None
    payment_method: PaymentMethod
    is_disputed: bool
    created: datetime

    @classmethod
    def parse(cls, obj: Json) -> "ChargeSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every Charge has."""
        if obj["status"] not in CHARGE_STATUSES:
            raise ValueError("not a status of a Charge")
        outcome = _nested(obj, "outcome")
        is_declined = outcome.get("type") == "issuer_declined"
        return cls(
            id=_text(obj, "id"),
            payment_intent_id=_id(obj.get("payment_intent")),
            status=_text(obj, "status"),
            amount=_amount(obj, "amount"),
            amount_captured=_amount(obj, "amount_captured"),
            amount_refunded=_amount(obj, "amount_refunded"),
            currency=_currency(obj),
            metadata=_metadata(obj.get("metadata")),
            failure_code=_word(obj.get("failure_code")),
            failure_message=_word(obj.get("failure_message")),
            decline_code=_word(outcome.get("reason")) if is_declined else None,
            outcome_type=_word(outcome.get("type")),
            risk_level=_word(outcome.get("risk_level")),
            seller_message=_word(outcome.get("seller_message")),
            payment_method=PaymentMethod.parse(_nested(obj, "payment_method_details")),
            is_disputed=obj.get("disputed") is True,
            created=_time(obj.get("created", 0)),
        )


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """A dispute at the moment when Stripe rendered it: the shopper's bank asks for the money back."""

    id: str
    payment_intent_id: str | None
    charge_id: str | None
    status: str
    reason: str
    amount: int
    currency: str
    created: datetime

    @classmethod
    def parse(cls, obj: Json) -> "DisputeSnapshot":
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every Dispute has."""
        return cls(
            id=_text(obj, "id"),
            payment_intent_id=_id(obj.get("payment_intent")),
            charge_id=_id(obj.get("charge")),
            status=_text(obj, "status"),
            reason=_text(obj, "reason"),
            amount=_amount(obj, "amount"),
            currency=_currency(obj),
            created=_time(obj["created"]),
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
        """Read Stripe's object. Raises KeyError, TypeError or ValueError when it lacks what every Refund has."""
        return cls(
            id=_text(obj, "id"),
            payment_intent_id=_id(obj.get("payment_intent")),
            status="pending" if obj.get("status") is None else _text(obj, "status"),
            amount=_amount(obj, "amount", least=1),
            currency=_currency(obj),
            reason=_word(obj.get("reason")),
            failure_reason=_word(obj.get("failure_reason")),
            metadata=_metadata(obj.get("metadata")),
            created=_time(obj.get("created", 0)),
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
    is_live: bool

    @classmethod
    def parse(cls, event: Json) -> "StripeEvent":
        """Read a snapshot event. Raises KeyError, TypeError or ValueError when it is of another shape."""
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
            request_id=_id(event.get("request")),
            is_live=event.get("livemode") is True,
        )
