"""The bodies of responses about a PaymentIntent."""

import uuid
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.attempts.repository import AttemptHistory
from app.attempts.schemas import AttemptRead, AttemptSummary
from app.payment_intents.currencies import display
from app.payment_intents.protocol.checkout import HOSTED
from app.payment_intents.protocol.events import ClosedReason, Flag
from app.payment_intents.protocol.state import PaymentIntentState, expires_at
from app.references.schemas import ReferenceRead
from app.settings import Settings

Channel = Literal["payment_intent", "checkout_session"]


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


CHECKOUT_EXAMPLE: dict[str, Any] = {
    "stripe_id": "cs_test_a1TmX5aLkdIwHu7ix0pZ1Qm2R",
    "ui_mode": "hosted_page",
    "status": "open",
    "payment_status": "unpaid",
    "expires_at": "2026-11-24T09:00:01Z",
}
CLIENT_SECRET_EXAMPLE: dict[str, Any] = {"client_secret": "pi_3TmX5aLkdIwHu7ix0pZ1Qm2R_secret_…"}
PAYMENT_EXAMPLE: dict[str, Any] = {
    "id": "019ab0c5-8c2f-7d3e-9f10-3a52cf9f0c11",
    "reference": {"kind": "cart", "id": "cart-1001"},
    "generation": 1,
    "channel": "payment_intent",
    "checkout": None,
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


class CheckoutRead(BaseModel):
    """A Checkout Session at Stripe, in Stripe's words."""

    stripe_id: str
    ui_mode: str = Field(description="`hosted_page`, `embedded_page` or `elements`.")
    status: str = Field(description="`open`, `complete` or `expired`. A complete one may not be paid yet.")
    payment_status: str = Field(description="`paid` or `unpaid`.")
    expires_at: datetime = Field(description="When Stripe ends it, 24 hours after it was opened at the latest.")

    @classmethod
    def of(cls, row: PaymentIntentState) -> Self | None:
        """Return the session of a PaymentIntent, None for one that has none or that Stripe has not answered about."""
        checkout, terms = row.checkout, row.terms_at_stripe.checkout
        if checkout is None or terms is None:
            return None
        return cls(
            stripe_id=checkout.id,
            ui_mode=terms.ui_mode,
            status=checkout.status,
            payment_status=checkout.payment_status,
            expires_at=checkout.expires_at,
        )


class PaymentIntentRead(BaseModel):
    """A PaymentIntent of a cart or session: what is owed, how it stands, and how it came to that."""

    model_config = ConfigDict(json_schema_extra={"examples": [PAYMENT_EXAMPLE]})

    id: uuid.UUID = Field(description="Our id.")
    reference: ReferenceRead
    generation: int = Field(description="The number of this PaymentIntent among those of its reference, from 1.")
    channel: Channel = Field(
        description="What the shopper pays with: the PaymentIntent itself, or a Checkout Session that makes it."
    )
    checkout: CheckoutRead | None = Field(description="With the channel `checkout_session`, once Stripe answered.")
    stripe_id: str | None = Field(
        description="Stripe's id of the PaymentIntent; null until Stripe answered, and with a Checkout Session until a "
        "shopper confirms."
    )
    status: str | None = Field(
        description="Stripe's status; null until Stripe answered. While a Checkout Session has no PaymentIntent, the "
        "one that this would have: `canceled` once it has expired. `processing` while the voucher of a complete one is "
        "unpaid."
    )
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
        "have it any more, as when test data were deleted: `gone`. Its Checkout Session ended after its 24 hours: "
        "`checkout_expired`; or was completed with a payment that failed days later: `checkout_failed`."
    )
    closed_by: str | None = Field(
        description="With `requested`: who asked for the cancel, as `client:shop/` and the id of the API key."
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: PaymentIntentState, attempts: AttemptHistory, settings: Settings, **more: Any) -> Self:
        terms, paid_with, last = row.terms_at_stripe, attempts.succeeded, attempts.last
        more.setdefault("checkout", CheckoutRead.of(row))
        return cls(
            id=row.id,
            reference=ReferenceRead(kind=row.reference.kind, id=row.reference.id),
            generation=row.generation,
            channel=row.channel,
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
            expires_at=_expires_at(row, settings) if row.is_payable else None,
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


def _expires_at(row: PaymentIntentState, settings: Settings) -> datetime:
    own = expires_at(row, settings.protocol)
    return own if row.checkout is None else min(own, row.checkout.expires_at)


def _list(types: tuple[str, ...] | None) -> list[str] | None:
    return None if types is None else list(types)


def _next_action(row: PaymentIntentState) -> NextActionRead | None:
    action = row.next_action
    is_waited_for = row.status in {"requires_action", "processing"}
    return NextActionRead(**action._asdict()) if action is not None and is_waited_for else None


def _dashboard_url(stripe_id: str, mode: Literal["live", "test"]) -> str:
    return f"https://dashboard.stripe.com/{'test/' if mode == 'test' else ''}payments/{stripe_id}"


class PaymentIntentPutRead(PaymentIntentRead):
    """The state after a PUT, with what the shopper's browser needs to pay."""

    model_config = ConfigDict(json_schema_extra={"examples": [PAYMENT_EXAMPLE | CLIENT_SECRET_EXAMPLE]})

    client_secret: str | None = Field(
        description="For `stripe.confirmCardPayment` in the shopper's browser alone; null when it can't be paid."
    )


class ClientSecretRead(BaseModel):
    """What the shopper's browser needs to pay."""

    model_config = ConfigDict(json_schema_extra={"examples": [CLIENT_SECRET_EXAMPLE | {"url": None}]})

    client_secret: str | None = Field(description="Null with a Checkout Session that Stripe hosts.")
    url: str | None = Field(description="The page of a Checkout Session that Stripe hosts; a secret, too.")

    @classmethod
    def of(cls, row: PaymentIntentState, secret: str) -> Self:
        checkout = row.terms_at_stripe.checkout
        is_url = checkout is not None and checkout.ui_mode == HOSTED
        return cls(client_secret=None if is_url else secret, url=secret if is_url else None)
