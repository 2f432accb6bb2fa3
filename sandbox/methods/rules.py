"""What a confirm needs for each type of payment method, checked before anything changes."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.api.stripe_params import missing_param
from sandbox.errors import ApiError, NotImplementedHereError
from sandbox.methods.transfer import funded
from sandbox.methods.types import TYPES
from sandbox.store import JsonObject

_ADDRESS = ("city", "line1", "postal_code", "state")
_BILLING: Mapping[str, tuple[str, ...]] = {
    "boleto": ("name", "email", *(f"address.{name}" for name in _ADDRESS)),
    "klarna": ("email", "address.country"),
    "multibanco": ("email",),
    "sepa_debit": ("name", "email"),
    "us_bank_account": ("name",),
}
_TRANSFERS = {"eur": "eu_bank_transfer", "gbp": "gb_bank_transfer", "usd": "us_bank_transfer"}
_NO_MANDATE = (
    "This PaymentIntent requires a mandate, but no existing mandate was found. Collect mandate acceptance from the "
    "customer and try again, providing acceptance data in the mandate_data parameter."
)


def check_method(
    account: Account, intent: JsonObject, method: JsonObject, given: Mapping[str, Any], *, is_publishable: bool
) -> None:
    """Raise ApiError for what the type of payment method needs and the confirm lacks.

    `intent` has its options and `given` the parameters of the confirm, which may come from a browser.
    """
    kind = method["type"]
    if kind != "customer_balance" and funded(account, intent):
        raise NotImplementedHereError(f"{kind} for a PaymentIntent that a bank transfer has paid in part")
    if kind == "card":
        if given.get("mandate_data"):
            raise NotImplementedHereError("mandates for cards", param="mandate_data")
        return
    _check_implemented(intent, kind, given)
    _check_billing(account, method)
    family = TYPES[kind].family
    if family == "redirect" and "return_url" not in given:
        message = f"When confirming a PaymentIntent with a `{kind}` PaymentMethod, `return_url` is required."
        raise ApiError(message, code="parameter_missing", param="return_url", payment_intent=intent)
    if family == "debit" and not is_publishable and not given.get("mandate_data"):
        raise ApiError(_NO_MANDATE, param="mandate_data", payment_intent=intent)
    if family == "transfer":
        _check_transfer(account, intent)


def _check_implemented(intent: JsonObject, kind: str, given: Mapping[str, Any]) -> None:
    """Refuse what Stripe may do and the sandbox knows nothing about."""
    options = (intent["payment_method_options"] or {}).get(kind) or {}
    usage = options.get("setup_future_usage") or intent["setup_future_usage"]
    if TYPES[kind].family == "debit":
        return
    if usage not in {None, "none"}:
        raise NotImplementedHereError(f"saving a PaymentMethod of the type {kind}", param="setup_future_usage")
    for name in ("error_on_requires_action", "off_session"):
        if given.get(name):
            raise NotImplementedHereError(f"{name} with a PaymentMethod of the type {kind}", param=name)
    for name in ("capture_method", "confirmation_method"):
        if intent[name] == "manual":
            raise NotImplementedHereError(f"{name}=manual with a PaymentMethod of the type {kind}", param=name)


def _check_billing(account: Account, method: JsonObject) -> None:
    if method["type"] == "us_bank_account" and account.notes(method["id"]).get("is_verified"):
        return  # an account of a test name, which stands for one that the shopper connected
    for name in _BILLING.get(method["type"], ()):
        outer, _, inner = name.partition(".")
        value: Any = method["billing_details"][outer]
        if inner:
            value = (value or {}).get(inner)
        if value is None:
            raise missing_param(f"billing_details[{outer}]" + (f"[{inner}]" if inner else ""))


def _check_transfer(account: Account, intent: JsonObject) -> None:
    if funded(account, intent) > intent["amount"]:
        raise NotImplementedHereError("less than what a bank transfer has already paid", param="amount")
    path = "payment_method_options[customer_balance]"
    options = intent["payment_method_options"]["customer_balance"]
    transfer = options["bank_transfer"]
    if options["funding_type"] is None:
        raise missing_param(f"{path}[funding_type]")
    if transfer is None:
        raise missing_param(f"{path}[bank_transfer]")
    if transfer["type"] != _TRANSFERS[intent["currency"]]:
        message = f"A bank transfer of the type {transfer['type']} cannot be made in {intent['currency']}."
        raise ApiError(message, param=f"{path}[bank_transfer][type]")
    if transfer["type"] == "eu_bank_transfer" and not transfer.get("eu_bank_transfer"):
        raise missing_param(f"{path}[bank_transfer][eu_bank_transfer]")
