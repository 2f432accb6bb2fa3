"""What a payment owes and how, as values.

Amounts are in minor units. All that we make at Stripe carries our metadata, the revision among it: that tells which
request an answer shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from app.payment_intents.protocol.checkout import (
    CheckoutState,
    CheckoutTerms,
    checkout_of,
)

Kind = Literal["cart", "session"]

KINDS: Mapping[str, Kind] = {"cart": "cart", "session": "session"}

# Sent to Stripe as they are; `metadata` and `cart_version` travel as metadata.
FIELDS = (
    "amount",
    "currency",
    "customer",
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor_suffix",
    "setup_future_usage",
    "capture_method",
    "allowed_payment_method_types",
    "excluded_payment_method_types",
)

# What an update may unset, by an empty string. Stripe keeps the others once they are set; but whether the caller names
# the methods or Stripe chooses them is decided when a PaymentIntent is created.
UNSETTABLE = frozenset({"receipt_email", "shipping", "setup_future_usage", "excluded_payment_method_types"})
FIELDS_NEVER_UNSET = tuple(name for name in FIELDS if name not in UNSETTABLE | {"allowed_payment_method_types"})

_LISTS = ("allowed_payment_method_types", "excluded_payment_method_types")

# Our own keys in the metadata of a PaymentIntent.
METADATA_KEYS = frozenset(
    {"instance", "payment_intent_id", "reference_kind", "reference_id", "revision", "cart_version"}
)

# Of which Stripe does not say how long they are waited for: a transfer to arrive, or two tiny amounts to be named.
SLOW_ACTIONS = frozenset({"display_bank_transfer_instructions", "verify_with_microdeposits"})

MAX_DIGITS = 18  # of a number that fits into 64 bits


@dataclass(frozen=True, slots=True)
class Reference:
    """The caller's name of a cart or session."""

    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address, as Stripe has it."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Shipping:
    """Where the goods go."""

    name: str | None
    address: Address
    phone: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """What a reference owes and how it may be paid; None where unset. With `checkout` by a Checkout Session."""

    amount: int
    currency: str
    customer: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    shipping: Shipping | None = None
    statement_descriptor_suffix: str | None = None
    setup_future_usage: str | None = None
    capture_method: str | None = None
    allowed_payment_method_types: tuple[str, ...] | None = None
    excluded_payment_method_types: tuple[str, ...] | None = None
    checkout: CheckoutTerms | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    cart_version: int | None = None

    @property
    def price(self) -> tuple[int, str]:
        return self.amount, self.currency

    def can_follow_in_place(self, held: "PaymentTerms") -> bool:
        """Whether an update can turn `held` into these terms.

        Not from one channel to the other, nor to methods that the caller names from those that Stripe chose. Of a
        Checkout Session only our metadata can be changed, and the items where its mode allows that.
        """
        if (self.checkout is None) != (held.checkout is None):
            return False
        if (self.allowed_payment_method_types is None) != (held.allowed_payment_method_types is None):
            return False
        return self.checkout is None or self._fixed() == held._fixed()  # noqa: SLF001 - of the same class

    def _fixed(self) -> "PaymentTerms":
        """Return these terms without what can be changed of an open Checkout Session."""
        rest = replace(self, metadata={}, cart_version=None)
        if self.checkout is None or not self.checkout.takes_items:
            return rest
        return replace(rest, amount=0, checkout=replace(self.checkout, line_items=()))

    def filled_from(self, held: "PaymentTerms", names: Iterable[str] = FIELDS_NEVER_UNSET) -> "PaymentTerms":
        """Return these terms, with what they leave unset of these fields as `held` has it."""
        return replace(self, **{name: getattr(held, name) for name in names if getattr(self, name) is None})


@dataclass(frozen=True, slots=True)
class AppliedTerms:
    """What Stripe is known to hold, and by which of our requests; `revision` is None for what was only read.

    `is_of_session`: its metadata still names the session that it was attached from.
    """

    terms: PaymentTerms
    revision: int | None = None
    is_of_session: bool = False

    def covers(self, requested: PaymentTerms) -> bool:
        """Whether Stripe holds all that was requested, and what is left out only where it can't be unset."""
        return not self.is_of_session and self.terms == requested.filled_from(self.terms)

    def with_price(self, amount: int, currency: str) -> "AppliedTerms":
        return replace(self, terms=replace(self.terms, amount=amount, currency=currency))


class NextAction(NamedTuple):
    """What the shopper has to do, as far as it matters to others: `type` in Stripe's words.

    Until `expires_at` a voucher can be paid. `amount_remaining` is what is still to be transferred, in minor units.
    """

    type: str
    expires_at: datetime | None = None
    amount_remaining: int | None = None

    @property
    def is_slow(self) -> bool:
        """Whether a shopper who did all that they can may have to wait for days for their bank."""
        return self.type in SLOW_ACTIONS


class PaymentIntentSnapshot(Protocol):
    """What Stripe said of a PaymentIntent, or of a Checkout Session with its own, as the gateway reads it.

    `id` is the session's if it is of one; then `checkout` is there too, and `payment_intent_id` once a shopper has
    confirmed. `status` is always that of a PaymentIntent. `is_partial`: not all is said that the status depends on.
    """

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_received(self) -> int: ...
    @property
    def amount_capturable(self) -> int: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...
    @property
    def cancellation_reason(self) -> str | None: ...
    @property
    def created(self) -> datetime: ...
    @property
    def next_action(self) -> NextAction | None: ...
    @property
    def checkout(self) -> CheckoutState | None: ...
    @property
    def payment_intent_id(self) -> str | None: ...
    @property
    def is_partial(self) -> bool: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...
    @property
    def is_replay(self) -> bool: ...
    @property
    def request_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class StripeMetadata:
    """What tells our objects at Stripe from those of others: staging and laptops share accounts."""

    instance: str
    payment_intent_id: UUID
    reference: Reference

    def permanent(self) -> dict[str, str]:
        """Return what never changes: a session's PaymentIntent may be attached to a cart later."""
        return {"instance": self.instance, "payment_intent_id": str(self.payment_intent_id)}

    def identity(self) -> dict[str, str]:
        return self.permanent() | {"reference_kind": self.reference.kind, "reference_id": self.reference.id}

    def of_request(self, terms: PaymentTerms, revision: int) -> dict[str, str]:
        version = "" if terms.cart_version is None else str(terms.cart_version)
        return self.identity() | {"revision": str(revision), "cart_version": version}


def terms_of(values: Mapping[str, Any]) -> PaymentTerms:
    """Return the terms that plain values say, as JSON or a form has them."""
    known = {each.name: values[each.name] for each in fields(PaymentTerms) if each.name in values}
    lists = {name: tuple(values[name]) if values.get(name) else None for name in _LISTS}
    nested = {"shipping": _shipping_of(values.get("shipping")), "checkout": checkout_of(values.get("checkout"))}
    return PaymentTerms(**known | lists | nested)


def terms_in(snapshot: PaymentIntentSnapshot) -> PaymentTerms:
    """Return the terms that Stripe shows."""
    version = snapshot.metadata.get("cart_version", "")
    return terms_of(
        {name: snapshot.fields.get(name) for name in (*FIELDS, "checkout")}
        | {
            "amount": snapshot.amount,
            "currency": snapshot.currency,
            "metadata": without_ours(snapshot.metadata),
            "cart_version": _number(version),
        }
    )


def id_in(metadata: Mapping[str, str], instance: str, key: str = "payment_intent_id") -> UUID | None:
    """Return our id in the metadata of something at Stripe, if this installation made it."""
    if metadata.get("instance") != instance:
        return None
    try:
        return UUID(metadata.get(key, ""))
    except ValueError:
        return None


def metadata_in(metadata: Mapping[str, str], instance: str) -> StripeMetadata | None:
    """Return what the metadata of something at Stripe says of us, if this installation made it."""
    payment_intent_id, reference = id_in(metadata, instance), reference_in(metadata)
    if payment_intent_id is None or reference is None:
        return None
    return StripeMetadata(instance, payment_intent_id, reference)


def reference_in(metadata: Mapping[str, str]) -> Reference | None:
    """Return the cart or session that something at Stripe says it is for."""
    kind, reference_id = KINDS.get(metadata.get("reference_kind", "")), metadata.get("reference_id", "")
    return Reference(kind, reference_id) if kind is not None and reference_id else None


def revision_in(metadata: Mapping[str, str]) -> int:
    """Return which request of ours something at Stripe shows; 0 when it does not say."""
    return _number(metadata.get("revision", "")) or 0


def cart_version_in(metadata: Mapping[str, str]) -> int | None:
    """Return the version of the cart that something at Stripe was for."""
    return _number(metadata.get("cart_version", ""))


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


def without_ours(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if name not in METADATA_KEYS}


def _shipping_of(values: Mapping[str, Any] | None) -> Shipping | None:
    if values is None:
        return None
    return Shipping(**{**values, "address": Address(**(values.get("address") or {}))})
