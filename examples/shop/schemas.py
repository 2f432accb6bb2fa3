"""The page's requests and responses: quantities in, never amounts; out go neither the API key nor a bank's codes."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from examples.shop.carts import CURRENCY, MAX_QUANTITY, PRODUCTS, Cart
from examples.shop.payments_api import Attempt, Channel, NextAction, PaymentIntent


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CartChange(Params):
    quantities: dict[str, Annotated[int, Field(ge=0, le=MAX_QUANTITY)]]
    channel: Channel = "payment_intent"

    @field_validator("quantities")
    @classmethod
    def _are_sold_here(cls, quantities: dict[str, int]) -> dict[str, int]:
        if unknown := quantities.keys() - PRODUCTS.keys():
            raise ValueError(f"not sold here: {', '.join(sorted(unknown))}")
        return quantities


class PaymentStart(Params):
    version: int
    """The version of the cart that the shopper sees and agrees to pay for."""
    channel: Channel = "payment_intent"


class LineRead(BaseModel):
    product: str
    name: str
    note: str
    unit_price: int
    quantity: int


class CartRead(BaseModel):
    version: int
    currency: str
    total: int
    max_quantity: int
    lines: list[LineRead]

    @classmethod
    def of(cls, cart: Cart) -> Self:
        lines = [
            LineRead(
                product=product.id,
                name=product.name,
                note=product.note,
                unit_price=product.unit_price,
                quantity=cart.quantities[product.id],
            )
            for product in PRODUCTS.values()
        ]
        return cls(version=cart.version, currency=CURRENCY, total=cart.total, max_quantity=MAX_QUANTITY, lines=lines)


class PaymentRead(BaseModel):
    stripe_id: str | None
    status: str | None
    amount: int | None
    next_action: NextAction | None

    @classmethod
    def of(cls, intent: PaymentIntent) -> Self:
        return cls(
            stripe_id=intent.stripe_id, status=intent.status, amount=intent.amount, next_action=intent.next_action
        )


class AttemptRead(BaseModel):
    attempted_at: datetime
    status: str
    amount: int
    currency: str
    payment_method_type: str | None
    card_brand: str | None
    card_last4: str | None
    reason: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Keep only what shoppers may see: a sentence, not the bank's code, which may say that the card is stolen."""
        reason = attempt.message
        if attempt.failure_code == "payment_intent_authentication_failure":
            reason = "The bank could not confirm that it was you."  # Stripe's sentence is meant for developers here
        fields = attempt.model_dump(exclude={"failure_code", "message"})
        return cls(**fields, reason=None if attempt.status == "succeeded" else reason)


class HistoryRead(BaseModel):
    cart: CartRead
    payment: PaymentRead | None
    attempts: list[AttemptRead]


class CheckoutRead(BaseModel):
    """What is owed, and what the browser needs to pay it: both are null when there is nothing left to pay."""

    cart: CartRead
    payment: PaymentRead
    client_secret: str | None
    url: str | None
    """Of Stripe's page."""

    @classmethod
    def of(cls, cart: Cart, intent: PaymentIntent) -> Self:
        payable = intent.checkout or intent
        url = intent.checkout.url if intent.checkout else None
        return cls(
            cart=CartRead.of(cart),
            payment=PaymentRead.of(intent),
            client_secret=payable.client_secret.get_secret_value() if payable.client_secret else None,
            url=url.get_secret_value() if url else None,
        )


class CheckoutTokenRead(BaseModel):
    token: str
