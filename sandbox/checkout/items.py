"""The line items of a Checkout Session: made from `price_data`, kept by id, and checked as a whole."""

from typing import Any

from sandbox.account import Account
from sandbox.currencies import check_amount
from sandbox.errors import InvalidParamError, NotImplementedHereError, missing
from sandbox.store import JsonObject

MOST_ITEMS = 100


def new_items(account: Account, given: list[dict[str, Any]]) -> list[JsonObject]:
    return [_new_item(account, item, f"line_items[{place}]") for place, item in enumerate(given)]


def items_after(account: Account, before: list[JsonObject], given: list[dict[str, Any]]) -> list[JsonObject]:
    """Return the items of an update in its order; one whose id it does not name is gone."""
    by_id = {item["id"]: item for item in before}
    if len({item["id"] for item in given if "id" in item}) < len([item for item in given if "id" in item]):
        raise InvalidParamError("A line item may appear only once in line_items.", param="line_items")
    return [
        _kept_item(by_id, item, f"line_items[{place}]")
        if "id" in item
        else _new_item(account, item, f"line_items[{place}]")
        for place, item in enumerate(given)
    ]


def total(items: list[JsonObject]) -> int:
    return sum(item["amount_total"] for item in items)


def check_items(account: Account, items: list[JsonObject], currency: str) -> None:
    """Raise InvalidParamError unless the items can be paid together, in this currency."""
    if not items:
        raise InvalidParamError("You must pass line_items in payment mode.", param="line_items")
    if len(items) > MOST_ITEMS:
        raise InvalidParamError(f"line_items can have up to {MOST_ITEMS} items.", param="line_items")
    if {item["currency"] for item in items} != {currency}:
        raise InvalidParamError("All line items must have the currency of the Checkout Session.", param="line_items")
    if total(items) == 0:
        raise NotImplementedHereError("Checkout Sessions over nothing", param="line_items")
    check_amount(total(items), currency, account.config.unconfirmed)


def _new_item(account: Account, given: dict[str, Any], path: str) -> JsonObject:
    if "price_data" not in given:
        message = "You must specify either `price` or `price_data` for a new line item."
        raise InvalidParamError(message, param=path)
    if "quantity" not in given:
        raise InvalidParamError(f"Quantity is required. Add `quantity` to `{path}`", param=f"{path}[quantity]")
    price = given["price_data"]
    item = {
        "id": account.ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_tax": 0,
        "currency": price["currency"],
        "description": price["product_data"]["name"],
        "metadata": {},
        "price": _price(account, price),
    }
    return _with_quantity(item, given["quantity"])


def _kept_item(by_id: dict[str, JsonObject], given: dict[str, Any], path: str) -> JsonObject:
    if given["id"] not in by_id:
        raise missing("line_item", given["id"], f"{path}[id]")
    if "price_data" in given:
        raise NotImplementedHereError("a new price for a line item that is kept", param=f"{path}[price_data]")
    item = by_id[given["id"]]
    return _with_quantity(item, given["quantity"] if "quantity" in given else item["quantity"])


def _with_quantity(item: JsonObject, quantity: int) -> JsonObject:
    amount = item["price"]["unit_amount"] * quantity
    return {**item, "amount_subtotal": amount, "amount_total": amount, "quantity": quantity}


def _price(account: Account, given: dict[str, Any]) -> JsonObject:
    return {
        "id": account.ids.new("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": account.clock.timestamp(),
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": account.ids.new("prod"),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": given["unit_amount"],
        "unit_amount_decimal": str(given["unit_amount"]),
    }
