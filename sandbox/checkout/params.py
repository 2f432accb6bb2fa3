"""What each Checkout Session call takes."""

from typing import Any

from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    amount,
    created,
    hash_of,
    integer,
    list_of,
    metadata,
    names,
    required_string,
    string,
)
from sandbox.currencies import read_currency
from sandbox.errors import InvalidParamError, NotImplementedHereError
from sandbox.payment_intents.descriptor import suffix
from sandbox.payment_intents.params import SHIPPING, email, url

PRODUCT: Schema = {
    "name": required_string,
    "description": string,
    "metadata": metadata,
    "images": list_of(required_string),
}
PRICE: Schema = {
    "currency": read_currency,
    "unit_amount": amount,
    "product_data": hash_of(PRODUCT, required=("name",)),
    "product": required_string,
}
ITEM: Schema = {
    "price_data": hash_of(PRICE, required=("currency", "unit_amount")),
    "quantity": amount,
}
INTENT: Schema = {
    "capture_method": string,
    "metadata": metadata,
    "receipt_email": email,
    "setup_future_usage": string,
    "shipping": hash_of(SHIPPING),
    "statement_descriptor_suffix": suffix,
    **names(string, "description statement_descriptor transfer_group"),
}


def mode(name: str, value: Any) -> str:
    if value != "payment":
        raise NotImplementedHereError(f"Checkout Sessions in {value} mode", param=name)
    return "payment"


def ui_mode(name: str, value: Any) -> str:
    if value != "hosted_page":
        raise NotImplementedHereError(f"Checkout Sessions with ui_mode {value}", param=name)
    return "hosted_page"


def customer_creation(name: str, value: Any) -> str:
    if value != "if_required":
        raise NotImplementedHereError(f"Checkout Sessions with customer_creation {value}", param=name)
    return "if_required"


def no_longer_supported(name: str, value: Any) -> Any:  # noqa: ARG001  every kind has the same signature
    message = "Received unknown parameter: payment_method_types. It was removed; use `allowed_payment_method_types`."
    raise InvalidParamError(message, code="parameter_unknown", param=name)


CREATE: Schema = {
    **EXPAND,
    **names(url, "cancel_url success_url"),
    **names(string, "client_reference_id customer locale"),
    "currency": read_currency,
    "customer_creation": customer_creation,
    "customer_email": email,
    "expires_at": integer,
    "line_items": list_of(hash_of(ITEM, required=("price_data",))),
    "metadata": metadata,
    "mode": mode,
    "payment_intent_data": hash_of(INTENT),
    "payment_method_types": no_longer_supported,
    "submit_type": string,
    "ui_mode": ui_mode,
}
UPDATE: Schema = {
    **EXPAND,
    "metadata": metadata,
}
LIST: Schema = {
    **PAGING,
    "created": created,
    "status": string,
    **names(required_string, "customer payment_intent"),
}
