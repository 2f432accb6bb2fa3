"""The bodies of requests and responses about a Checkout Session."""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from app.payment_intents.protocol.checkout import HOSTED, CheckoutTerms, LineItem
from app.payment_intents.protocol.terms import PaymentTerms, terms_of
from app.payment_intents.requests import MAX_AMOUNT, TEXT, Amount, PaymentRequest, Strict, Url
from app.payment_intents.schemas import CHECKOUT_EXAMPLE, PAYMENT_EXAMPLE, CheckoutRead, PaymentIntentRead

UiMode = Literal["elements", "hosted_page", "embedded_page"]

ItemText = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=TEXT)]


class LineItemPut(Strict):
    """Something that is bought."""

    name: ItemText = Field(examples=["Mug"])
    unit_amount: Amount = Field(description="What one costs, in Stripe's minor units.", examples=[1999])
    quantity: int = Field(1, strict=True, ge=1, le=999_999, examples=[1])
    description: ItemText | None = Field(None, examples=["Blue, 0.3 l"])


class CheckoutSessionPut(PaymentRequest):
    """What the cart or session owes now, to be paid in a Checkout Session. It replaces what was requested before.

    What would change the sum later is no field of it: promotion codes, adjustable quantities, taxes, shipping options.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "currency": "eur",
                    "line_items": [{"name": "Mug", "unit_amount": 1999}],
                    "ui_mode": "hosted_page",
                    "return_url": "https://shop.example/thanks",
                    "cart_version": 3,
                }
            ]
        }
    )

    amount: Amount | None = Field(None, description="What is owed, shown as one item; leave out with `line_items`.")
    line_items: list[LineItemPut] | None = Field(
        None, min_length=1, max_length=100, description="What is bought; their sum is what is owed."
    )
    ui_mode: UiMode = Field(
        "hosted_page",
        description="`hosted_page`: a page of Stripe's, whose address is in the answer. `embedded_page`: the same in a "
        "page of yours. `elements`: a form of yours; its items are changed in place, the others get another session.",
    )
    return_url: Url = Field(
        description="Where the shopper goes after they paid; `{CHECKOUT_SESSION_ID}` in it is replaced."
    )
    cancel_url: Url | None = Field(
        None, description="Where the shopper goes back to; with `hosted_page` alone.", examples=["https://shop.example"]
    )

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if (self.amount is None) == (self.line_items is None):
            raise ValueError("takes amount or line_items, one of them")
        if not 1 <= self._sum() <= MAX_AMOUNT:
            raise ValueError(f"has line_items of more than {MAX_AMOUNT} together")
        if self.cancel_url is not None and self.ui_mode != HOSTED:
            raise ValueError("takes cancel_url with the ui_mode hosted_page alone")
        return self

    def _sum(self) -> int:
        return self.amount or sum(each.unit_amount * each.quantity for each in self.line_items or ())

    def terms(self, reference_id: str) -> PaymentTerms:
        """Return what the cart or session owes, as a value; an amount alone is one item."""
        items = tuple(LineItem(**each.model_dump()) for each in self.line_items or ())
        if self.amount is not None:
            items = (LineItem((self.description or f"Order {reference_id}")[:250], self.amount),)
        checkout = CheckoutTerms(self.ui_mode, self.return_url, items, self.cancel_url)
        values = self.model_dump(exclude={"line_items", "ui_mode", "return_url", "cancel_url", *self.not_terms})
        return replace(terms_of(values | {"amount": self._sum()}), checkout=checkout)


PAYABLE_EXAMPLE: dict[str, Any] = CHECKOUT_EXAMPLE | {
    "url": "https://checkout.stripe.com/c/pay/cs_…",
    "client_secret": None,
}


class CheckoutPutRead(CheckoutRead):
    """A Checkout Session, with what the shopper's browser needs to pay."""

    url: str | None = Field(
        description="Stripe's page, with the `ui_mode` `hosted_page`. Whoever has it can pay: hand it to the shopper "
        "alone, and don't store or log it. Null when it can't be paid."
    )
    client_secret: str | None = Field(
        description="For Stripe.js in the shopper's browser alone, with the other modes; null when it can't be paid."
    )


class CheckoutSessionPutRead(PaymentIntentRead):
    """The state after a PUT, with what the shopper's browser needs to pay."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                PAYMENT_EXAMPLE | {"channel": "checkout_session", "stripe_id": None, "checkout": PAYABLE_EXAMPLE}
            ]
        }
    )

    checkout: CheckoutPutRead | None
