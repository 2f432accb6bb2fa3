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
    integer,
    list_of,
    metadata,
    names,
    one_of,
    required_string,
    string,
)
from sandbox.config import ALL_STATUSES, OPEN_STATUSES
from sandbox.currencies import read_currency
from sandbox.errors import InvalidParamError, NotImplementedHereError
from sandbox.methods.options import METHOD_OPTIONS
from sandbox.payment_intents.descriptor import suffix
from sandbox.payment_methods import ADDRESS, DATA, known_type, usable_type

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


def off_session(name: str, value: Any) -> bool:
    if value not in {"true", "false"}:
        raise NotImplementedHereError(f"the value {value} of {name}", param=name)
    return bool(value == "true")


SHIPPING: Schema = {"address": hash_of(ADDRESS), **names(string, "carrier name phone tracking_number")}
CARD_OPTIONS: Schema = {
    "request_three_d_secure": one_of("any", "automatic", "challenge"),
    "capture_method": one_of("manual", unset=True),
    "setup_future_usage": one_of("none", "off_session", "on_session", unset=True),
}
OPTIONS: Schema = {"card": hash_of(CARD_OPTIONS), **METHOD_OPTIONS}
MANDATE_DATA: Schema = {
    "customer_acceptance": hash_of(
        {
            "accepted_at": integer,
            "offline": hash_of({}),
            "online": hash_of({"infer_from_client": boolean, **names(string, "ip_address user_agent")}),
            "type": one_of("offline", "online"),
        },
        required=("type",),
    )
}
AUTOMATIC: Schema = {"enabled": boolean, "allow_redirects": string}

_COMMON: Schema = {
    **EXPAND,
    "excluded_payment_method_types": list_of(known_type),
    "allowed_payment_method_types": list_of(usable_type),
    "payment_method": required_string,
    "payment_method_data": hash_of(DATA, required=("type",)),
    "payment_method_options": hash_of(OPTIONS),
    "payment_method_types": no_longer_supported,
    "receipt_email": email,
    "setup_future_usage": string,
    "shipping": hash_of(SHIPPING),
}
_DESCRIBED: Schema = {
    "amount": amount,
    "currency": read_currency,
    "customer": string,
    "description": string,
    "metadata": metadata,
    "statement_descriptor_suffix": suffix,
    **names(string, "statement_descriptor transfer_group"),
}
_CONFIRMING: Schema = {
    "confirmation_token": required_string,
    "error_on_requires_action": boolean,
    "mandate_data": hash_of(MANDATE_DATA, required=("customer_acceptance",)),
    "off_session": off_session,
    "return_url": url,
    "use_stripe_sdk": boolean,
}

CREATE: Schema = {
    **_COMMON,
    **_DESCRIBED,
    **_CONFIRMING,
    "automatic_payment_methods": hash_of(AUTOMATIC),
    "capture_method": string,
    "confirm": boolean,
    "confirmation_method": string,
}
UPDATE: Schema = {
    **_COMMON,
    **_DESCRIBED,
    "capture_method": string,
}
CONFIRM: Schema = {
    **_COMMON,
    **_CONFIRMING,
    "amount_to_confirm": amount,
    "client_secret": required_string,
    "capture_method": string,
}
RETRIEVE: Schema = {**EXPAND, "client_secret": required_string}
CAPTURE: Schema = {
    **EXPAND,
    "amount_to_capture": amount,
    "final_capture": boolean,
    "metadata": metadata,
    "statement_descriptor": string,
    "statement_descriptor_suffix": suffix,
}
CANCEL: Schema = {
    **EXPAND,
    "cancellation_reason": string,
}
LIST: Schema = {**PAGING, "created": created, "customer": required_string}
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
