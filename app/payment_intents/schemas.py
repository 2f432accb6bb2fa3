"""The bodies of requests and responses about a PaymentIntent."""

import uuid
from collections.abc import Callable, Set
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from app.attempts.repository import AttemptHistory
from app.attempts.schemas import AttemptRead, AttemptSummary
from app.http.rules import rule
from app.payment_intents.currencies import CURRENCIES, display
from app.payment_intents.protocol.events import ClosedReason, Flag
from app.payment_intents.protocol.state import PaymentIntentState, expires_at
from app.payment_intents.protocol.terms import METADATA_KEYS, PaymentTerms, terms_of
from app.references.path import ReferenceId
from app.references.schemas import ReferenceRead
from app.settings import Settings

# Stripe accepts up to 12 digits for cards, and refuses amounts that a card network or a payment method does not allow.
MAX_AMOUNT = 999_999_999_999

MAX_METADATA_PAIRS = 50  # Stripe's limit, for the caller's keys and this service's own together

CancelReason = Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"]
CaptureMethod = Literal["automatic", "automatic_async", "manual"]
SetupFutureUsage = Literal["on_session", "off_session"]

TEXT = rule(r"^[^\x00]*$", "text without a NUL character")  # PostgreSQL stores none


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
        description="In Stripe's minor units, at least 1: 1999 is EUR 19.99, and 1999 yen. ISK and UGX have two digits "
        "more than money of theirs: 2000 is ISK 20. BHD, JOD, KWD, OMR and TND have three decimals, the last always "
        "0: 5120 is KWD 5.120. For an emptied cart, cancel the PaymentIntent.",
        examples=[1999],
    ),
]
Currency = Annotated[
    str,
    StringConstraints(to_lower=True, pattern=rule(r"^[A-Za-z]{3}$", "three letters, a currency's code of ISO 4217")),
    AfterValidator(_known),
    Field(description="Three letters, ISO 4217.", examples=["eur"]),
]
EMAIL = rule(r"^[^@\s\x00]+@[^@\s\x00]+$", "an e-mail address")
SUFFIX = rule(
    r"""^[^\x00-\x1f<>\\'"*]*[A-Za-z][^\x00-\x1f<>\\'"*]*$""",
    "text with a letter in it, without angle brackets, backslashes, quotes and asterisks",
)
CustomerId = Annotated[
    str,
    StringConstraints(pattern=rule(r"^cus_[A-Za-z0-9]{1,100}$", "Stripe's id of a Customer")),
    Field(examples=["cus_RlX1c0yQ2mVb7d"]),
]
MetadataKey = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=40, pattern=rule(r"^[^\x00\[\]]+$", "text without square brackets and NUL characters")
    ),
    Field(examples=["order"]),
]
MetadataValue = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT), Field(examples=["1001"])]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT)]


Country = Annotated[
    str, StringConstraints(pattern=rule(r"^[A-Z]{2}$", "two capital letters, a country's code of ISO 3166"))
]


MethodTypes = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(
                pattern=rule(r"^[a-z][a-z0-9_]{0,49}$", "Stripe's word for a kind of payment method: small letters")
            ),
        ]
    ],
    Field(min_length=1, max_length=60, examples=[["card", "sepa_debit"]]),
]
ExpiresAfter = Annotated[
    int,
    Field(
        strict=True,
        ge=60,
        le=90 * 24 * 3600,
        description="After how many seconds without a sign of the shopper or of you it is cancelled as abandoned; the "
        "setting ABANDONED_AFTER, 24 hours, when left out. Not before a voucher ends, nor within ten days while a bank "
        "transfer is waited for.",
        examples=[172800],
    ),
]


class Strict(BaseModel):
    """A request body: unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Address(Strict):
    """A postal address, as Stripe has it."""

    line1: Line | None = Field(None, examples=["Unter den Linden 1"])
    line2: Line | None = Field(None, examples=["2nd floor"])
    city: Line | None = Field(None, examples=["Berlin"])
    state: Line | None = Field(None, examples=["Berlin"])
    postal_code: Line | None = Field(None, examples=["10117"])
    country: Country | None = Field(None, examples=["DE"])


class Shipping(Strict):
    """Where the goods are shipped to."""

    name: Line = Field(examples=["Ada Lovelace"])
    address: Address = Field(examples=[{"line1": "Unter den Linden 1", "city": "Berlin", "country": "DE"}])
    phone: Line | None = Field(None, examples=["+49 30 1234567"])
    carrier: Line | None = Field(None, examples=["DHL"])
    tracking_number: Line | None = Field(None, examples=["00340434161094000000"])


# JSON readers of many languages keep no larger integer exactly.
LARGEST_VERSION = 2**53 - 1

CartVersion = Annotated[int, Field(strict=True, ge=0, le=LARGEST_VERSION)]


class PaymentIntentPut(Strict):
    """What the cart or session owes now. It replaces what was requested before: a field left out is unset."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1999, "currency": "eur", "cart_version": 3}]})

    amount: Amount
    currency: Currency
    cart_version: CartVersion | None = Field(
        None,
        description="Your version number of the cart. One lower than before is refused, so that late calls do no harm.",
    )
    customer: CustomerId | None = None
    description: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=TEXT)] | None = Field(
        None, examples=["Order 1001"]
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default={}, max_length=MAX_METADATA_PAIRS - len(METADATA_KEYS), examples=[{"order": "1001"}]
    )
    receipt_email: Annotated[str, StringConstraints(max_length=254, pattern=EMAIL)] | None = Field(
        None, examples=["ada@example.com"]
    )
    shipping: Shipping | None = Field(
        None, examples=[{"name": "Ada Lovelace", "address": {"city": "Berlin", "country": "DE"}}]
    )
    statement_descriptor_suffix: Annotated[str, StringConstraints(max_length=22, pattern=SUFFIX)] | None = Field(
        None, examples=["ORDER 1001"]
    )
    setup_future_usage: SetupFutureUsage | None = None
    capture_method: CaptureMethod = "automatic_async"
    allowed_payment_method_types: MethodTypes | None = Field(
        None,
        description="The only payment methods to offer, in Stripe's words; those that can't pay this are dropped. Left "
        "out, Stripe chooses from those that are enabled in its Dashboard. To change from one to the other opens "
        "another PaymentIntent.",
    )
    excluded_payment_method_types: MethodTypes | None = Field(
        None, description="Payment methods not to offer of those that Stripe chooses from."
    )
    expires_after: ExpiresAfter | None = None
    previous_payment_intent: uuid.UUID | None = Field(
        None,
        description="The id of the succeeded PaymentIntent that this one follows: another order of the same reference.",
    )

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        if self.allowed_payment_method_types and self.excluded_payment_method_types:
            raise ValueError("takes allowed_payment_method_types or excluded_payment_method_types, not both")
        return self

    _check_metadata = field_validator("metadata")(refuse_keys(METADATA_KEYS))

    def terms(self) -> PaymentTerms:
        """Return what the cart or session owes, as a value."""
        return terms_of(self.model_dump(exclude={"previous_payment_intent", "expires_after"}))

    @property
    def lifetime(self) -> timedelta | None:
        """How long nobody may act before it counts as abandoned; None is what the settings say."""
        return None if self.expires_after is None else timedelta(seconds=self.expires_after)


UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

PaymentIntentName = Annotated[
    str,
    StringConstraints(
        pattern=rule(rf"^(pi_[A-Za-z0-9_]{{1,250}}|{UUID})$", "Stripe's id of a PaymentIntent, or this service's own")
    ),
    Field(
        description="The PaymentIntent, by our id or Stripe's; the newest when left out.",
        examples=["pi_3TmX5aLkdIwHu7ix0pZ1Qm2R"],
    ),
]


class CancelRequest(Strict):
    """What to cancel, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "requested_by_customer"}]})

    payment_intent: PaymentIntentName | None = None
    reason: CancelReason | None = None


class CaptureRequest(Strict):
    """What to capture, and how much of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1500}]})

    payment_intent: PaymentIntentName | None = None
    amount: Amount | None = Field(None, description="In minor units; everything that is authorized when left out.")


class MoveRequest(Strict):
    """The cart to move the PaymentIntent to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cart_id": "cart-1001"}]})

    cart_id: ReferenceId = Field(description="Your id of the cart.")
    cart_version: CartVersion | None = Field(
        None, description="The cart's version that has this price. The session's own versions do not count any more."
    )


class AddressRead(BaseModel):
    """A postal address."""

    model_config = ConfigDict(from_attributes=True)

    line1: str | None
    line2: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    country: str | None


class ShippingRead(BaseModel):
    """Where the goods are shipped to."""

    model_config = ConfigDict(from_attributes=True)

    name: str | None
    address: AddressRead
    phone: str | None
    carrier: str | None
    tracking_number: str | None


class PaymentMethodRead(BaseModel):
    """What the money came from, or is held on."""

    type: str | None = Field(description="In Stripe's words: `card`, `us_bank_account`.", examples=["card"])
    brand: str | None = Field(description="Of a card, as are all that follow.", examples=["visa"])
    last4: str | None = Field(examples=["4242"])
    wallet: str | None = Field(description="`apple_pay`, `google_pay` or the like.")
    country: str | None = Field(description="Where the card was issued: two letters, ISO 3166.", examples=["DE"])

    @classmethod
    def of(cls, attempt: AttemptRead) -> Self:
        return cls(
            type=attempt.payment_method_type,
            brand=attempt.card_brand,
            last4=attempt.card_last4,
            wallet=attempt.card_wallet,
            country=attempt.card_country,
        )


class NextActionRead(BaseModel):
    """What Stripe waits for the shopper to do; the page of the shop has the links for it."""

    type: str = Field(
        description="In Stripe's words: `redirect_to_url`, `boleto_display_details`, "
        "`display_bank_transfer_instructions`.",
        examples=["boleto_display_details"],
    )
    expires_at: datetime | None = Field(description="Until when a voucher can be paid.")
    amount_remaining: int | None = Field(description="What is still to be transferred, in minor units.")


CLIENT_SECRET_EXAMPLE: dict[str, Any] = {"client_secret": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R_secret_…"}
EXAMPLE: dict[str, Any] = {
    "id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
    "reference": {"kind": "cart", "id": "cart-1001"},
    "generation": 1,
    "stripe_id": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R",
    "status": "requires_payment_method",
    "amount": 1999,
    "amount_display": "EUR 19.99",
    "requested_amount": 1999,
    "is_synced": True,
    "is_price_refused": False,
    "currency": "eur",
    "amount_received": 0,
    "amount_capturable": 0,
    "amount_refunded": 0,
    "amount_refundable": 0,
    "amount_disputed": 0,
    "amount_lost": 0,
    "cart_version": 3,
    "customer": "cus_RlX1c0yQ2mVb7d",
    "description": "Order 1001",
    "metadata": {"order": "1001"},
    "receipt_email": "ada@example.com",
    "shipping": None,
    "statement_descriptor_suffix": None,
    "setup_future_usage": None,
    "capture_method": "automatic_async",
    "allowed_payment_method_types": None,
    "excluded_payment_method_types": None,
    "expires_after": None,
    "next_action": None,
    "previous_payment_intent": None,
    "flags": [],
    "attempts": {"count": 0, "failed": 0, "last": None},
    "payment_method": None,
    "last_error": None,
    "capture_before": None,
    "dashboard_url": "https://dashboard.stripe.com/test/payments/pi_3TmX5aLkdIwHu7ix0pZ1Qm2R",
    "expires_at": "2026-11-24T09:00:01Z",
    "paid_at": None,
    "closed_at": None,
    "closed_reason": None,
    "closed_by": None,
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:01Z",
}


class PaymentIntentRead(BaseModel):
    """A PaymentIntent of a cart or session: what is owed, how it stands, and how it came to that."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: uuid.UUID = Field(description="Our id.")
    reference: ReferenceRead
    generation: int = Field(description="The number of this PaymentIntent among those of its reference, from 1.")
    stripe_id: str | None = Field(description="Stripe's id; null until Stripe answered.")
    status: str | None = Field(description="Stripe's status; null until Stripe answered.")
    amount: int | None = Field(description="The amount at Stripe, in minor units; null until Stripe answered.")
    amount_display: str | None = Field(
        description="`amount` as a person writes it, to see at once whether the minor units are meant right.",
        examples=["EUR 19.99", "JPY 1999", "ISK 20"],
    )
    requested_amount: int = Field(description="The amount requested last, in minor units.")
    is_synced: bool = Field(description="Whether the PaymentIntent at Stripe is what was requested last.")
    is_price_refused: bool = Field(
        description="Whether Stripe refused the newest price, so that it holds an older one; no client secret is "
        "handed out until a PUT is accepted."
    )
    currency: str | None
    amount_received: int
    amount_capturable: int
    amount_refunded: int = Field(description="What was refunded or is being refunded, as Stripe counts it.")
    amount_refundable: int = Field(
        description="What can still be refunded; nothing while a part is disputed, or once it is lost."
    )
    amount_disputed: int = Field(
        description="What the shopper's bank keeps back in open disputes. An inquiry keeps nothing back."
    )
    amount_lost: int = Field(description="What was lost for good in disputes.")
    cart_version: int | None
    customer: str | None = Field(
        description="This and the next nine: what Stripe holds; until it answered, what was sent."
    )
    description: str | None
    metadata: dict[str, str] = Field(description="Your own keys.")
    receipt_email: str | None
    shipping: ShippingRead | None
    statement_descriptor_suffix: str | None
    setup_future_usage: str | None
    capture_method: str | None
    allowed_payment_method_types: list[str] | None = Field(examples=[["card", "sepa_debit"]])
    excluded_payment_method_types: list[str] | None = Field(examples=[["klarna"]])
    expires_after: int | None = Field(description="As it was requested last, in seconds; null is the setting.")
    next_action: NextActionRead | None = Field(description="With the status `requires_action`.")
    previous_payment_intent: uuid.UUID | None = Field(
        description="The succeeded PaymentIntent that this one follows, by our id."
    )
    flags: list[Flag] = Field(description="What a person should check.")
    attempts: AttemptSummary
    payment_method: PaymentMethodRead | None = Field(description="Of the attempt that took the money or holds it.")
    last_error: str | None = Field(
        description="Why the last attempt failed and what helps, a sentence for support; null when it did not fail."
    )
    capture_before: datetime | None = Field(description="Until when held money can be captured, if Stripe says so.")
    dashboard_url: str | None = Field(description="The payment in Stripe's dashboard; null until Stripe answered.")
    expires_at: datetime | None = Field(
        description="When it is cancelled as abandoned, unless the shopper acts before; null when it can't be paid."
    )
    paid_at: datetime | None = Field(description="When its success was recorded.")
    closed_at: datetime | None
    closed_reason: ClosedReason | None = Field(
        description="Why nobody can pay it any more. We canceled it: `abandoned` (nobody acted for long), `requested` "
        "(`closed_by` did), `card_testing` (too many attempts failed), `replaced` (other terms needed the next one). "
        "Stripe did: `hold_expired` (not captured in time), `stripe` (for a reason of its own). Somebody else did at "
        "Stripe: `dashboard`. Stripe made nothing of it: `refused`, `failed`. A next payment follows it: `followed`. "
        "It came back from Stripe after a backup had lost it, and another one was open: `surplus`. Stripe does not "
        "have it any more, as when test data were deleted: `gone`."
    )
    closed_by: str | None = Field(
        description="With `requested`: who asked for the cancel, as `client:shop/` and the id of the API key."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: PaymentIntentState, attempts: AttemptHistory, settings: Settings, **more: Any) -> Self:
        terms, paid_with, last = row.terms_at_stripe, attempts.succeeded, attempts.last
        return cls(
            id=row.id,
            reference=ReferenceRead(kind=row.reference.kind, id=row.reference.id),
            generation=row.generation,
            stripe_id=row.stripe_id,
            status=row.status,
            amount=row.amount,
            amount_display=display(row.amount, row.currency) if row.amount and row.currency else None,
            requested_amount=row.requested_terms.amount,
            is_synced=row.is_synced,
            is_price_refused=row.is_price_refused,
            currency=row.currency,
            amount_received=row.amount_received,
            amount_capturable=row.amount_capturable,
            amount_refunded=row.amount_refunded,
            amount_refundable=row.amount_refundable,
            amount_disputed=row.amount_disputed,
            amount_lost=row.amount_lost,
            cart_version=row.requested_terms.cart_version,
            flags=list(row.flags),
            customer=terms.customer,
            description=terms.description,
            metadata=dict(terms.metadata),
            receipt_email=terms.receipt_email,
            shipping=ShippingRead.model_validate(terms.shipping) if terms.shipping else None,
            statement_descriptor_suffix=terms.statement_descriptor_suffix,
            setup_future_usage=terms.setup_future_usage,
            capture_method=terms.capture_method,
            allowed_payment_method_types=_list(terms.allowed_payment_method_types),
            excluded_payment_method_types=_list(terms.excluded_payment_method_types),
            expires_after=None if row.expires_after is None else int(row.expires_after.total_seconds()),
            next_action=_next_action(row),
            previous_payment_intent=row.previous_id,
            attempts=AttemptSummary.model_validate(attempts),
            payment_method=PaymentMethodRead.of(paid_with) if paid_with else None,
            last_error=last.explanation if last and row.status != "succeeded" else None,
            capture_before=paid_with.capture_before if paid_with and row.status == "requires_capture" else None,
            dashboard_url=_dashboard_url(row.stripe_id, settings.mode) if row.stripe_id else None,
            expires_at=expires_at(row, settings.protocol) if row.is_payable else None,
            paid_at=row.paid_at,
            closed_at=row.closed_at,
            closed_reason=row.closed_reason,
            closed_by=row.cancel_requested_by if row.closed_reason == "requested" else None,
            created_at=row.created_at,
            updated_at=row.updated_at,
            **more,
        )


class PaymentIntentPage(BaseModel):
    """PaymentIntents, newest first."""

    data: list[PaymentIntentRead]
    next_cursor: str | None


def _list(types: tuple[str, ...] | None) -> list[str] | None:
    return None if types is None else list(types)


def _next_action(row: PaymentIntentState) -> NextActionRead | None:
    action = row.next_action
    return NextActionRead(**action._asdict()) if action is not None and row.status == "requires_action" else None


def _dashboard_url(stripe_id: str, mode: Literal["live", "test"]) -> str:
    return f"https://dashboard.stripe.com/{'test/' if mode == 'test' else ''}payments/{stripe_id}"


class PaymentIntentPutRead(PaymentIntentRead):
    """The state after a PUT, with what the shopper's browser needs to pay."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE | CLIENT_SECRET_EXAMPLE]})

    client_secret: str | None = Field(
        description="For `stripe.confirmCardPayment` in the shopper's browser alone; null when it can't be paid."
    )


class ClientSecretRead(BaseModel):
    """What the shopper's browser needs to pay."""

    model_config = ConfigDict(json_schema_extra={"examples": [CLIENT_SECRET_EXAMPLE]})

    client_secret: str
