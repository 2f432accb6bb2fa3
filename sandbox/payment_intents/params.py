"""What each PaymentIntent call takes, and in which status an update may change it."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.params import (
    EXPAND,
    PAGING,
    Schema,
    amount,
    boolean,
    created,
    hash_of,
    ignored,
    integer,
    list_of,
    metadata,
    names,
    one_of,
    required_string,
    string,
    unsupported,
)
from sandbox.config import ALL_STATUSES, OPEN_STATUSES
from sandbox.currencies import read_currency
from sandbox.errors import InvalidParamError
from sandbox.payment_methods import ADDRESS, DATA

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def email(name: str, value: Any) -> str | None:
    text = string(name, value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise InvalidParamError(f"Invalid email address: {text[:100]}", code="email_invalid", param=name)
    return text


def url(name: str, value: Any) -> str:
    text = required_string(name, value)
    if not re.match(r"[a-z][a-z0-9+.-]*://[^/\s]", text):
        raise InvalidParamError("Not a valid URL", code="url_invalid", param=name)
    return text


def no_longer_supported(name: str, value: Any) -> Any:  # noqa: ARG001  every kind has the same signature
    message = f"The parameter `{name}` is no longer supported. Use `allowed_payment_method_types` instead."
    raise InvalidParamError(message, code="payment_method_types_no_longer_supported", param=name)


SHIPPING: Schema = {"address": hash_of(ADDRESS), **names(string, "carrier name phone tracking_number")}
CARD_OPTIONS: Schema = {
    "request_three_d_secure": one_of("any", "automatic", "challenge"),
    "capture_method": one_of("manual", unset=True),
    "setup_future_usage": one_of("none", "off_session", "on_session", unset=True),
    **names(
        unsupported,
        "cvc_token installments mandate_options moto network request_extended_authorization "
        "request_incremental_authorization request_multicapture request_overcapture require_cvc_recollection "
        "statement_descriptor_suffix_kana statement_descriptor_suffix_kanji three_d_secure",
    ),
}
OPTIONS: Schema = {"card": hash_of(CARD_OPTIONS)}
AUTOMATIC: Schema = {"enabled": boolean, "allow_redirects": one_of("always", "never")}

_COMMON: Schema = {
    **EXPAND,
    "excluded_payment_method_types": list_of(required_string),
    "allowed_payment_method_types": list_of(required_string),
    "payment_method": required_string,
    "payment_method_data": hash_of(DATA, required=("type",)),
    "payment_method_options": hash_of(OPTIONS),
    "payment_method_types": no_longer_supported,
    "receipt_email": email,
    "setup_future_usage": one_of("off_session", "on_session", unset=True),
    "shipping": hash_of(SHIPPING),
    **names(unsupported, "amount_details hooks payment_details"),
}
_DESCRIBED: Schema = {
    "amount": amount,
    "currency": read_currency,
    "customer": string,
    "description": string,
    "metadata": metadata,
    **names(string, "statement_descriptor statement_descriptor_suffix transfer_group"),
    **names(unsupported, "application_fee_amount customer_account payment_method_configuration transfer_data"),
}
_CONFIRMING: Schema = {
    "error_on_requires_action": boolean,
    "off_session": boolean,
    "return_url": url,
    "use_stripe_sdk": boolean,
    **names(unsupported, "confirmation_token mandate mandate_data radar_options"),
}

CREATE: Schema = {
    **_COMMON,
    **_DESCRIBED,
    **_CONFIRMING,
    "automatic_payment_methods": hash_of(AUTOMATIC, required=("enabled",)),
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "confirm": boolean,
    "confirmation_method": one_of("automatic", "manual"),
    "on_behalf_of": unsupported,
}
UPDATE: Schema = {
    **_COMMON,
    **_DESCRIBED,
    "capture_method": one_of("automatic", "automatic_async", "manual"),
}
CONFIRM: Schema = {
    **_COMMON,
    **_CONFIRMING,
    "amount_to_confirm": amount,
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "expected_payment_method_type": ignored,
}
RETRIEVE: Schema = {**EXPAND, "is_stripe_sdk": ignored}
CAPTURE: Schema = {
    **EXPAND,
    "amount_to_capture": amount,
    "final_capture": boolean,
    "metadata": metadata,
    **names(string, "statement_descriptor statement_descriptor_suffix"),
    **names(unsupported, "amount_details application_fee_amount hooks payment_details transfer_data"),
}
CANCEL: Schema = {
    **EXPAND,
    "cancellation_reason": one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
}
LIST: Schema = {**PAGING, "created": created, "customer": required_string, "customer_account": unsupported}
SEARCH: Schema = {**EXPAND, "query": required_string, "limit": integer, "page": required_string}

_RECEIPT_STATUSES = OPEN_STATUSES | {"requires_capture", "succeeded"}
_ORDER = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "canceled",
    "succeeded",
)
UPDATABLE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(UPDATE, OPEN_STATUSES),
    "expand": ALL_STATUSES,
    "receipt_email": _RECEIPT_STATUSES,
    "transfer_group": ALL_STATUSES,
}
"""The statuses in which a parameter may be updated; `metadata` and `description` are of the config."""


def statuses_for(account: Account, param: str) -> frozenset[str]:
    if param in {"metadata", "description"}:
        return account.config.unconfirmed.metadata_statuses
    return UPDATABLE[param]


def listed(statuses: frozenset[str]) -> str:
    return ", ".join(status for status in _ORDER if status in statuses)
