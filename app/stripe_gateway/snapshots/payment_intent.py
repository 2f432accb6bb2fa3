"""A PaymentIntent, and why the last attempt to pay it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.payment_intents.protocol.terms import NextAction
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
TYPE_LISTS = ("allowed_payment_method_types", "excluded_payment_method_types")
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


def _next_action(obj: Json) -> NextAction | None:
    """Read what the shopper has to do, without its links: these let whoever has them act for the shopper."""
    action = read.nested(obj, "next_action")
    if not action:
        return None
    type_ = read.text(action, "type")
    details = read.nested(action, type_)
    until = read.optional_time(details.get("expires_at") or details.get("expires_after"))
    return NextAction(type_, until, read.amount(details, "amount_remaining") if "amount_remaining" in details else None)


def _types(obj: Json, name: str) -> list[str] | None:
    found = obj.get(name)
    return [each for each in found if read.word(each)] if isinstance(found, list) else None


def _fields(obj: Json) -> Json:
    lists = {name: _types(obj, name) for name in TYPE_LISTS}
    stated = read.words(obj, *STATED)
    return stated | lists | {"customer": read.id_of(obj.get("customer")), "shipping": _shipping(obj)}


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
    next_action: NextAction | None = None
    is_replay: bool = False
    request_id: str | None = None

    @property
    def payment_intent_id(self) -> str:
        return self.id

    @property
    def checkout(self) -> None:
        """Whatever it was made by: only a session itself says how that stands."""

    @property
    def is_partial(self) -> bool:
        return False

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
            fields=_fields(obj),
            next_action=_next_action(obj),
            is_replay=is_replay,
            request_id=request_id,
        )
