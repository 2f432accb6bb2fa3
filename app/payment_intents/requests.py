"""The bodies of requests about a PaymentIntent."""

import uuid
from collections.abc import Callable, Set
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from app.http.rules import rule
from app.payment_intents.currencies import CURRENCIES
from app.payment_intents.protocol.terms import METADATA_KEYS, PaymentTerms, terms_of
from app.references.path import ReferenceId

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


URL = rule(r"^https?://[^\s\x00/]+[^\s\x00]*$", "an address that begins with https:// or http://")
Url = Annotated[str, StringConstraints(max_length=2000, pattern=URL), Field(examples=["https://shop.example/thanks"])]


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


class PaymentRequest(Strict):
    """What every request says of what a cart or session owes, however it is paid."""

    not_terms: ClassVar[frozenset[str]] = frozenset({"previous_payment_intent", "expires_after"})

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
    excluded_payment_method_types: MethodTypes | None = Field(
        None, description="Payment methods not to offer of those that Stripe chooses from."
    )
    expires_after: ExpiresAfter | None = None
    previous_payment_intent: uuid.UUID | None = Field(
        None,
        description="The id of the succeeded PaymentIntent that this one follows: another order of the same reference.",
    )

    _check_metadata = field_validator("metadata")(refuse_keys(METADATA_KEYS))

    @property
    def lifetime(self) -> timedelta | None:
        """How long nobody may act before it counts as abandoned; None is what the settings say."""
        return None if self.expires_after is None else timedelta(seconds=self.expires_after)


class PaymentIntentPut(PaymentRequest):
    """What the cart or session owes now. It replaces what was requested before: a field left out is unset."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1999, "currency": "eur", "cart_version": 3}]})

    amount: Amount
    allowed_payment_method_types: MethodTypes | None = Field(
        None,
        description="The only payment methods to offer, in Stripe's words; those that can't pay this are dropped. Left "
        "out, Stripe chooses from those that are enabled in its Dashboard. To change from one to the other opens "
        "another PaymentIntent.",
    )

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        if self.allowed_payment_method_types and self.excluded_payment_method_types:
            raise ValueError("takes allowed_payment_method_types or excluded_payment_method_types, not both")
        return self

    def terms(self) -> PaymentTerms:
        """Return what the cart or session owes, as a value."""
        return terms_of(self.model_dump(exclude=set(self.not_terms)))


UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

PaymentIntentName = Annotated[
    str,
    StringConstraints(
        pattern=rule(
            rf"^((pi|cs)_[A-Za-z0-9_]{{1,250}}|{UUID})$",
            "Stripe's id of a PaymentIntent or Checkout Session, or this service's own",
        )
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


class ConfirmRequest(Strict):
    """What the shopper entered, and the price that they saw."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "confirmation_token": "ctoken_1TmX5aLkdIwHu7ixQw3Er4T",
                    "amount": 1999,
                    "cart_version": 3,
                    "return_url": "https://shop.example/thanks",
                }
            ]
        }
    )

    confirmation_token: Annotated[
        str,
        StringConstraints(pattern=rule(r"^ctoken_[A-Za-z0-9_]{1,250}$", "Stripe's id of a ConfirmationToken")),
        Field(description="What `stripe.createConfirmationToken` gave the page.", examples=["ctoken_1TmX5aLkdIwHu7ix"]),
    ]
    amount: Amount = Field(description="What the page showed, in minor units.", examples=[1999])
    cart_version: CartVersion | None = Field(None, description="The version of the cart that the page showed.")
    return_url: Url = Field(description="Where the shopper comes back to, if a bank's page is needed.")


class MoveRequest(Strict):
    """The cart to move the PaymentIntent to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cart_id": "cart-1001"}]})

    cart_id: ReferenceId = Field(description="Your id of the cart.")
    cart_version: CartVersion | None = Field(
        None, description="The cart's version that has this price. The session's own versions do not count any more."
    )
