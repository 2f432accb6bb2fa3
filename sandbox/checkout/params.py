"""What each Checkout Session call takes."""

from typing import Any

from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    amount,
    boolean,
    created,
    hash_of,
    integer,
    list_of,
    metadata,
    names,
    one_of,
    required_string,
    string,
)
from sandbox.api.stripe_params import missing_param, path_of
from sandbox.currencies import read_currency
from sandbox.errors import InvalidParamError, NotImplementedHereError
from sandbox.methods.options import METHOD_OPTIONS
from sandbox.payment_intents.descriptor import suffix
from sandbox.payment_intents.params import SHIPPING, email, url
from sandbox.payment_methods import known_type, usable_type

UI_MODES = ("hosted_page", "embedded_page", "elements")


def unit_amount(name: str, value: Any) -> int:
    number = integer(name, value)
    if number < 0:
        message = "This value must be greater than or equal to 0."
        raise InvalidParamError(message, code="parameter_invalid_integer", param=name)
    return number


PRODUCT: Schema = {
    "name": required_string,
    "description": string,
    "metadata": metadata,
    "images": list_of(required_string),
}
PRICE: Schema = {
    "currency": read_currency,
    "unit_amount": unit_amount,
    "product_data": hash_of(PRODUCT, required=("name",)),
}


def price_data(name: str, value: Any) -> dict[str, Any]:
    """Return a price with its product; ids of products, which the sandbox does not have, are 501."""
    price: dict[str, Any] = hash_of(PRICE, required=("currency",))(name, value) or {}
    for needed in ("unit_amount", "product_data"):
        if price.get(needed) is None:
            raise missing_param(path_of(name, needed))
    return price


ITEM: Schema = {"price_data": price_data, "quantity": amount}
ITEM_UPDATE: Schema = {**ITEM, "id": required_string}
INTENT_UPDATE: Schema = {
    "description": string,
    "metadata": metadata,
    "setup_future_usage": one_of("off_session", "on_session", unset=True),
    "statement_descriptor": string,
    "statement_descriptor_suffix": suffix,
}
INTENT: Schema = {
    **INTENT_UPDATE,
    "capture_method": string,
    "receipt_email": email,
    "shipping": hash_of(SHIPPING),
    "transfer_group": string,
}


def mode(name: str, value: Any) -> str:
    if value != "payment":
        raise NotImplementedHereError(f"Checkout Sessions in {value} mode", param=name)
    return "payment"


def ui_mode(name: str, value: Any) -> str:
    if value not in UI_MODES:
        raise NotImplementedHereError(f"Checkout Sessions with ui_mode {value}", param=name)
    return str(value)


def customer_creation(name: str, value: Any) -> str:
    if value != "if_required":
        raise NotImplementedHereError(f"Checkout Sessions with customer_creation {value}", param=name)
    return "if_required"


def redirect_on_completion(name: str, value: Any) -> str:
    if value == "never":
        raise NotImplementedHereError("Checkout Sessions that never redirect", param=name)
    return str(value)


def no_longer_supported(name: str, value: Any) -> Any:  # noqa: ARG001  every kind has the same signature
    message = "Received unknown parameter: payment_method_types. It was removed; use `allowed_payment_method_types`."
    raise InvalidParamError(message, code="parameter_unknown", param=name)


CREATE: Schema = {
    **EXPAND,
    **names(url, "cancel_url return_url success_url"),
    **names(string, "client_reference_id customer locale"),
    "adaptive_pricing": hash_of({"enabled": boolean}),
    "allowed_payment_method_types": list_of(usable_type),
    "currency": read_currency,
    "customer_creation": customer_creation,
    "customer_email": email,
    "excluded_payment_method_types": list_of(known_type),
    "expires_at": integer,
    "line_items": list_of(hash_of(ITEM)),
    "metadata": metadata,
    "mode": mode,
    "payment_intent_data": hash_of(INTENT),
    "payment_method_options": hash_of({"customer_balance": METHOD_OPTIONS["customer_balance"]}),
    "payment_method_types": no_longer_supported,
    "redirect_on_completion": redirect_on_completion,
    "submit_type": string,
    "ui_mode": ui_mode,
}
UPDATE: Schema = {
    **EXPAND,
    "line_items": list_of(hash_of(ITEM_UPDATE)),
    "metadata": metadata,
    "payment_intent_data": hash_of(INTENT_UPDATE),
}
LIST: Schema = {
    **PAGING,
    "created": created,
    "status": string,
    **names(required_string, "customer payment_intent"),
}
