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
    one_of,
    required_string,
    string,
    unsupported,
)
from sandbox.currencies import read_currency
from sandbox.errors import InvalidParamError, NotImplementedHereError
from sandbox.payment_intents.params import SHIPPING, email, url

PRODUCT: Schema = {
    "name": required_string,
    "description": string,
    "metadata": metadata,
    "images": list_of(required_string),
    **names(unsupported, "tax_code tax_details unit_label"),
}
PRICE: Schema = {
    "currency": read_currency,
    "unit_amount": amount,
    "product_data": hash_of(PRODUCT, required=("name",)),
    "product": required_string,
    **names(unsupported, "recurring tax_behavior unit_amount_decimal"),
}
ITEM: Schema = {
    "price_data": hash_of(PRICE, required=("currency", "unit_amount")),
    "quantity": amount,
    **names(unsupported, "adjustable_quantity dynamic_tax_rates metadata price tax_rates"),
}
INTENT: Schema = {
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "metadata": metadata,
    "receipt_email": email,
    "setup_future_usage": one_of("off_session", "on_session"),
    "shipping": hash_of(SHIPPING),
    **names(string, "description statement_descriptor statement_descriptor_suffix transfer_group"),
    **names(unsupported, "application_fee_amount on_behalf_of transfer_data"),
}
_MODES = one_of("payment", "setup", "subscription")
_UI_MODES = one_of("hosted_page", "embedded_page", "elements", "form")


def mode(name: str, value: Any) -> str:
    if _MODES(name, value) != "payment":
        raise NotImplementedHereError(f"Checkout Sessions in {value} mode", param=name)
    return "payment"


def ui_mode(name: str, value: Any) -> str:
    if _UI_MODES(name, value) != "hosted_page":
        raise NotImplementedHereError(f"Checkout Sessions with ui_mode {value}", param=name)
    return "hosted_page"


def no_longer_supported(name: str, value: Any) -> Any:  # noqa: ARG001  every kind has the same signature
    message = "Received unknown parameter: payment_method_types. It was removed; use `allowed_payment_method_types`."
    raise InvalidParamError(message, code="parameter_unknown", param=name)


CREATE: Schema = {
    **EXPAND,
    **names(url, "cancel_url success_url"),
    **names(string, "client_reference_id customer locale"),
    "currency": read_currency,
    "customer_creation": one_of("always", "if_required"),
    "customer_email": email,
    "expires_at": integer,
    "line_items": list_of(hash_of(ITEM, required=("price_data",))),
    "metadata": metadata,
    "mode": mode,
    "payment_intent_data": hash_of(INTENT),
    "payment_method_types": no_longer_supported,
    "submit_type": one_of("auto", "book", "donate", "pay", "subscribe"),
    "ui_mode": ui_mode,
    **names(
        unsupported,
        "adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types automatic_tax "
        "billing_address_collection branding_settings consent_collection custom_fields custom_text "
        "customer_account customer_update discounts excluded_payment_method_types integration_identifier "
        "invoice_creation managed_payments name_collection optional_items origin_context "
        "payment_method_collection payment_method_configuration payment_method_data payment_method_options "
        "permissions phone_number_collection redirect_on_completion return_url saved_payment_method_options "
        "setup_intent_data shipping_address_collection shipping_options subscription_data tax_id_collection "
        "wallet_options",
    ),
}
UPDATE: Schema = {
    **EXPAND,
    "metadata": metadata,
    **names(unsupported, "collected_information line_items payment_intent_data shipping_options"),
}
LIST: Schema = {
    **PAGING,
    "created": created,
    "status": one_of("open", "complete", "expired"),
    **names(required_string, "customer payment_intent"),
    **names(unsupported, "customer_account customer_details payment_link subscription"),
}
