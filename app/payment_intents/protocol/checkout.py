"""What a Checkout Session is made of, as values and as parameters for Stripe.

It is the other channel to pay what a reference owes: a page of Stripe's, or of the shop's, that makes its PaymentIntent
when the shopper confirms. What would change the sum behind our back stays off: Stripe's own conversion of currencies
(`adaptive_pricing`, which else follows the account's settings), promotion codes, taxes and shipping options.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

HOSTED, ELEMENTS = "hosted_page", "elements"

# Stripe's longest life of a session, and its shortest, in seconds.
LONGEST_LIFE, SHORTEST_LIFE = 24 * 3600, 30 * 60

# What of the terms a session hands on to its PaymentIntent, by Stripe's names.
OF_PAYMENT = ("description", "receipt_email", "shipping", "statement_descriptor_suffix", "setup_future_usage")

MAX_CLIENT_REFERENCE = 200


@dataclass(frozen=True, slots=True)
class LineItem:
    """Something that is bought, `quantity` times; `unit_amount` is in minor units."""

    name: str
    unit_amount: int
    quantity: int = 1
    description: str | None = None


@dataclass(frozen=True, slots=True)
class CheckoutTerms:
    """How a Checkout Session shows what is owed. `return_url` is where the shopper goes after they paid."""

    ui_mode: str
    return_url: str
    line_items: tuple[LineItem, ...]
    cancel_url: str | None = None

    @property
    def takes_items(self) -> bool:
        """Whether Stripe lets the items of an open session be changed."""
        return self.ui_mode == ELEMENTS


class CheckoutState(NamedTuple):
    """A Checkout Session at Stripe, in its words. `complete` does not mean paid."""

    id: str
    status: str
    payment_status: str
    expires_at: datetime


def items_param(terms: CheckoutTerms, currency: str) -> list[dict[str, Any]]:
    return [_item(each, currency) for each in terms.line_items]


def _item(item: LineItem, currency: str) -> dict[str, Any]:
    product = {"name": item.name} | ({"description": item.description} if item.description else {})
    price = {"currency": currency, "unit_amount": item.unit_amount, "product_data": product}
    return {"price_data": price, "quantity": item.quantity}


def urls_param(terms: CheckoutTerms) -> dict[str, str]:
    if terms.ui_mode != HOSTED:
        return {"return_url": terms.return_url}
    return {"success_url": terms.return_url} | ({"cancel_url": terms.cancel_url} if terms.cancel_url else {})


def checkout_in(params: Mapping[str, Any]) -> CheckoutTerms:
    """Return what the parameters of a create call say."""
    return CheckoutTerms(
        ui_mode=params["ui_mode"],
        return_url=params.get("success_url") or params["return_url"],
        cancel_url=params.get("cancel_url"),
        line_items=tuple(_item_in(each) for each in params["line_items"]),
    )


def _item_in(param: Mapping[str, Any]) -> LineItem:
    price = param["price_data"]
    product = price["product_data"]
    return LineItem(product["name"], price["unit_amount"], param["quantity"], product.get("description"))


def checkout_of(values: Mapping[str, Any] | None) -> CheckoutTerms | None:
    """Return the value that plain values say, as JSON has them."""
    if values is None:
        return None
    return CheckoutTerms(**{**values, "line_items": tuple(LineItem(**each) for each in values["line_items"])})
