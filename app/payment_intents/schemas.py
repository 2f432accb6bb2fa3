"""The bodies of requests and responses about a PaymentIntent."""

import uuid
from collections.abc import Callable, Set
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from app.attempts.schemas import AttemptSummary
from app.payment_intents.currencies import CURRENCIES
from app.payment_intents.protocol.state import PaymentIntentState
from app.payment_intents.protocol.terms import METADATA_KEYS, Kind, PaymentTerms, terms_of
from app.references.path import ReferenceId

# Stripe accepts up to 12 digits for cards, and refuses amounts that a card network or a payment method does not allow.
MAX_AMOUNT = 999_999_999_999

MAX_METADATA_PAIRS = 50  # Stripe's limit, for the caller's keys and this service's own together

TEXT = r"^[^\x00]*$"  # PostgreSQL stores no NUL


def _known(currency: str) -> str:
    if currency not in CURRENCIES:
        raise ValueError("is not a currency that Stripe accepts payments in")
    return currency


def refuse_keys(reserved: Set[str]) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return a validator that refuses metadata with keys that this service sets itself."""

    def check(metadata: dict[str, str]) -> dict[str, str]:
        if used := reserved & metadata.keys():
            raise ValueError(f"the keys {', '.join(sorted(used))} are this service's own")
        return metadata

    return check


Amount = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=MAX_AMOUNT,
        description="In minor units (cents), at least 1. For an emptied cart, cancel the PaymentIntent.",
    ),
]
Currency = Annotated[
    str,
    StringConstraints(to_lower=True, pattern=r"^[A-Za-z]{3}$"),
    AfterValidator(_known),
    Field(description="Three letters, ISO 4217.", examples=["eur"]),
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00\[\]]+$")]
MetadataValue = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT)]


class Strict(BaseModel):
    """A request body: unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Address(Strict):
    """A postal address, as Stripe has it."""

    line1: Line | None = None
    line2: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Line | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None


class Shipping(Strict):
    """Where the goods are shipped to."""

    name: Line
    address: Address
    phone: Line | None = None
    carrier: Line | None = None
    tracking_number: Line | None = None


class PaymentIntentPut(Strict):
    """What the cart or session owes now. It replaces what was requested before: a field left out is unset."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1999, "currency": "eur", "cart_version": 3}]})

    amount: Amount
    currency: Currency
    cart_version: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | None = Field(
        None,
        description="Your version number of the cart. One lower than before is refused, so that late calls do no harm.",
    )
    customer: Annotated[str, StringConstraints(pattern=r"^cus_[A-Za-z0-9]{1,100}$")] | None = None
    description: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=TEXT)] | None = None
    metadata: dict[MetadataKey, MetadataValue] = Field(default={}, max_length=MAX_METADATA_PAIRS - len(METADATA_KEYS))
    receipt_email: Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")] | None = (
        Field(None, examples=["ada@example.com"])
    )
    shipping: Shipping | None = None
    statement_descriptor_suffix: (
        Annotated[
            str,
            StringConstraints(max_length=22, pattern=r"""^[^\x00-\x1f<>\\'"*]*[A-Za-z][^\x00-\x1f<>\\'"*]*$"""),
        ]
        | None
    ) = None
    setup_future_usage: Literal["on_session", "off_session"] | None = None
    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic_async"
    previous_payment_intent: uuid.UUID | None = Field(
        None,
        description="The id of the succeeded PaymentIntent that this one follows: another order of the same reference.",
    )

    _check_metadata = field_validator("metadata")(refuse_keys(METADATA_KEYS))

    def terms(self) -> PaymentTerms:
        """Return what the cart or session owes, as a value."""
        return terms_of(self.model_dump(exclude={"previous_payment_intent"}))


UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

PaymentIntentName = Annotated[
    str,
    StringConstraints(pattern=rf"^(pi_[A-Za-z0-9_]{{1,250}}|{UUID})$"),
    Field(description="The PaymentIntent, by our id or Stripe's; the newest when left out."),
]


class CancelRequest(Strict):
    """What to cancel, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "requested_by_customer"}]})

    payment_intent: PaymentIntentName | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None


class CaptureRequest(Strict):
    """What to capture, and how much of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1500}]})

    payment_intent: PaymentIntentName | None = None
    amount: Amount | None = Field(None, description="In minor units; everything that is authorized when left out.")


class MoveRequest(Strict):
    """The cart to move the PaymentIntent to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cart_id": "cart-1001"}]})

    cart_id: ReferenceId = Field(description="Your id of the cart.")


class ReferenceRead(BaseModel):
    """What the payment is for."""

    kind: Kind
    id: str


class PaymentIntentRead(BaseModel):
    """The state of a reference's newest PaymentIntent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
                    "reference": {"kind": "cart", "id": "cart-1001"},
                    "generation": 1,
                    "stripe_id": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R",
                    "status": "requires_payment_method",
                    "amount": 1999,
                    "requested_amount": 1999,
                    "is_synced": True,
                    "currency": "eur",
                    "amount_received": 0,
                    "amount_capturable": 0,
                    "amount_refunded": 0,
                    "amount_refundable": 0,
                    "cart_version": 3,
                    "flags": [],
                    "attempts": {"count": 0, "failed": 0, "last": None},
                    "expires_at": "2026-11-24T09:00:01Z",
                    "created_at": "2026-11-23T09:00:00Z",
                    "updated_at": "2026-11-23T09:00:01Z",
                }
            ]
        }
    )

    id: uuid.UUID = Field(description="Our id.")
    reference: ReferenceRead
    generation: int = Field(description="The number of this PaymentIntent among those of its reference, from 1.")
    stripe_id: str | None = Field(description="Stripe's id; null until Stripe answered.")
    status: str | None = Field(description="Stripe's status; null until Stripe answered.")
    amount: int | None = Field(description="The amount at Stripe, in minor units; null until Stripe answered.")
    requested_amount: int = Field(description="The amount requested last, in minor units.")
    is_synced: bool = Field(description="Whether the PaymentIntent at Stripe is what was requested last.")
    currency: str | None
    amount_received: int
    amount_capturable: int
    amount_refunded: int = Field(description="What was refunded or is being refunded, as Stripe counts it.")
    amount_refundable: int = Field(description="What can still be refunded.")
    cart_version: int | None
    flags: list[str] = Field(
        description="What a person should check: `amount_mismatch`, `duplicate_payment`, `disputed`."
    )
    attempts: AttemptSummary
    expires_at: datetime | None = Field(
        description="When it is cancelled as abandoned, unless the shopper acts before; null when it can't be paid."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: PaymentIntentState, attempts: AttemptSummary, *, abandoned_after: timedelta, **more: Any) -> Self:
        return cls(
            id=row.id,
            reference=ReferenceRead(kind=row.reference.kind, id=row.reference.id),
            generation=row.generation,
            stripe_id=row.stripe_id,
            status=row.status,
            amount=row.amount,
            requested_amount=row.requested_terms.amount,
            is_synced=row.is_synced,
            currency=row.currency,
            amount_received=row.amount_received,
            amount_capturable=row.amount_capturable,
            amount_refunded=row.amount_refunded,
            amount_refundable=row.amount_refundable,
            cart_version=row.requested_terms.cart_version,
            flags=list(row.flags),
            attempts=attempts,
            expires_at=row.last_activity_at + abandoned_after if row.is_payable else None,
            created_at=row.created_at,
            updated_at=row.updated_at,
            **more,
        )


class PaymentIntentPutRead(PaymentIntentRead):
    """The state after a PUT, with what the shopper's browser needs to pay."""

    client_secret: str | None = Field(
        description="For `stripe.confirmCardPayment` in the shopper's browser alone; null when it can't be paid."
    )


class ClientSecretRead(BaseModel):
    """What the shopper's browser needs to pay."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"client_secret": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R_secret_…"}]}
    )

    client_secret: str
