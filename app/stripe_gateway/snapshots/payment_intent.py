"""A PaymentIntent, and why the last attempt to pay it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.stripe_gateway.snapshots import read
from app.stripe_gateway.snapshots.payment_method import PaymentMethod
from app.stripe_gateway.snapshots.read import Json

TERMINAL = frozenset({"succeeded", "canceled"})
FROZEN = frozenset({"processing", "requires_capture"})
PAYABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})

STATED = (
    "description",
    "receipt_email",
    "statement_descriptor_suffix",
    "setup_future_usage",
    "capture_method",
)
ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


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
            code=read.word(error.get("code")),
            decline_code=read.word(error.get("decline_code")),
            message=read.word(error.get("message")),
            charge_id=read.id_of(error.get("charge")),
            payment_method_id=read.id_of(error.get("payment_method")),
            payment_method=PaymentMethod.parse(read.nested(error, "payment_method")),
        )


def _shipping(obj: Json) -> Json | None:
    shipping = read.nested(obj, "shipping")
    address = read.words(read.nested(shipping, "address"), *ADDRESS)
    named = read.words(shipping, "name", "phone", "carrier", "tracking_number")
    return named | {"address": address} if shipping else None


@dataclass(frozen=True, slots=True)
class PaymentIntentSnapshot:
    """A PaymentIntent at the moment when Stripe rendered it.

    `is_replay` marks the first answer to a known idempotency key, replayed by Stripe: it shows the past. `fields` are
    the other fields that a caller can set, by Stripe's names. The client secret is not here: the gateway keeps it in
    memory.
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
            id=read.text(obj, "id"),
            status=read.text(obj, "status"),
            amount=read.amount(obj, "amount", least=1),
            currency=read.currency(obj),
            amount_received=read.amount(obj, "amount_received"),
            amount_capturable=read.amount(obj, "amount_capturable"),
            metadata=read.metadata(obj.get("metadata")),
            latest_charge_id=read.id_of(obj.get("latest_charge")),
            last_payment_error=Failure.parse(error) if isinstance(error, dict) else None,
            cancellation_reason=read.word(obj.get("cancellation_reason")),
            created=read.time(obj.get("created", 0)),
            fields=read.words(obj, *STATED) | {"customer": read.id_of(obj.get("customer")), "shipping": _shipping(obj)},
            is_replay=is_replay,
            request_id=request_id,
        )
