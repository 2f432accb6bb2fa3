"""What a PaymentIntent looks like, and what a browser may see of it."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.methods.options import merged_options
from sandbox.store import JsonObject

PUBLIC_FIELDS = (
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at", "cancellation_reason",
    "capture_method", "client_secret", "confirmation_method", "created", "currency", "description",
    "last_payment_error", "livemode", "next_action", "payment_method", "payment_method_configuration_details",
    "payment_method_types", "processing", "receipt_email", "setup_future_usage", "shipping", "source", "status",
)  # fmt: skip

AMOUNT_DETAILS: JsonObject = {"tip": {}}


def with_options(intent: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Return the PaymentIntent's options with those of a call."""
    old, asked = intent.get("payment_method_options") or {}, given.get("payment_method_options") or {}
    return merged_options(old, asked, intent["payment_method_types"])


def new(account: Account, **fields: Any) -> JsonObject:
    identifier = account.ids.new("pi")
    return {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": 0,
        "amount_capturable": 0,
        "amount_details": AMOUNT_DETAILS,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identifier}_secret_{account.ids.token('secret')}",
        "confirmation_method": "automatic",
        "created": account.clock.timestamp(),
        "currency": "",
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": merged_options({}, {}, fields.get("payment_method_types", ["card"])),
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        **fields,
    }


def public(value: JsonObject) -> JsonObject:
    """Reduce what a publishable key gets."""
    if value["object"] != "payment_intent":
        return value
    return {name: value[name] for name in PUBLIC_FIELDS if name in value}
