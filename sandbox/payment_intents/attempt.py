"""One attempt to pay: each type of payment method has its own way, and a card may be challenged first."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.account import Account
from sandbox.cards import Decline, TestMethod
from sandbox.charges import method_details
from sandbox.errors import CardError
from sandbox.methods import debit, redirect, transfer, voucher
from sandbox.payment_intents.outcomes import authorize, declined, paid, require_action
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
    "confirm_card_data",
)
Start = Callable[[Account, JsonObject, JsonObject, Mapping[str, Any]], JsonObject]
_STARTS: Mapping[str, Start] = {
    "boleto": voucher.start,
    "customer_balance": transfer.start,
    "ideal": redirect.start,
    "klarna": redirect.start,
    "multibanco": voucher.start,
    "sepa_debit": debit.start,
    "us_bank_account": debit.start,
}


def attempt(account: Account, intent: JsonObject, method: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Attempt to pay, and raise CardError for a decline after it is recorded."""
    start = _STARTS.get(method["type"])
    if start is not None:
        return start(account, intent, method, given)
    known = method_of(account, method["id"])
    is_authenticated = account.notes(intent["id"]).get("authenticated") == method["id"]
    if known.is_challenged and not is_authenticated:
        if given.get("off_session") or given.get("error_on_requires_action"):
            return _raised(declined(account, intent, method, known, AUTHENTICATION_REQUIRED))
        return challenge(account, intent, given)
    changed = pay(account, intent, method, authentication=_authentication(intent, known, is_authenticated))
    return _raised(changed) if changed["status"] == "requires_payment_method" else changed


def challenge(account: Account, intent: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Start a 3DS challenge: in the page for Stripe.js, else on a page of its own."""
    token = account.ids.token("challenge")
    return_url = given.get("return_url")
    account.note(intent["id"], challenge=token, return_url=return_url)
    page = f"{account.base_url}/_sandbox/3ds/{intent['id']}/{token}"
    if return_url is not None and not given.get("use_stripe_sdk"):
        redirect = {"return_url": return_url, "url": page}
        next_action: JsonObject = {"type": "redirect_to_url", "redirect_to_url": redirect}
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": page, "source": account.ids.new("src")}
        next_action = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    return require_action(account, intent, next_action)


def pay(account: Account, intent: JsonObject, method: JsonObject, authentication: JsonObject | None) -> JsonObject:
    """Authorise and capture as the test card allows; a decline returns to `requires_payment_method`."""
    known = method_of(account, method["id"])
    if known.decline is not None:
        return declined(account, intent, method, known, known.decline, authentication)
    if _captures_later(intent):
        return authorize(account, intent, method, known, authentication)
    details = method_details(method, known, authentication, None)
    return paid(account, intent, method, details)


def _captures_later(intent: JsonObject) -> bool:
    options = (intent["payment_method_options"] or {}).get("card") or {}
    return "manual" in {intent["capture_method"], options.get("capture_method")}


def _raised(intent: JsonObject) -> JsonObject:
    error = dict(intent["last_payment_error"])
    message, code = error.pop("message"), error.pop("code")
    error = {name: value for name, value in error.items() if name not in {"type", "doc_url"}}
    raise CardError(message, code=code, **error, payment_intent=intent)


def _authentication(intent: JsonObject, known: TestMethod, is_authenticated: bool) -> JsonObject | None:
    options = (intent["payment_method_options"] or {}).get("card") or {}
    if is_authenticated:
        return three_d_secure("authenticated", "challenge")
    if known.lookup_fails:
        return three_d_secure("processing_error", None)
    if options.get("request_three_d_secure") in {"any", "challenge"}:
        return three_d_secure("attempt_acknowledged", "frictionless")
    return None


def three_d_secure(result: str, flow: str | None) -> JsonObject:
    return {
        "authentication_flow": flow,
        "electronic_commerce_indicator": "05" if result == "authenticated" else None,
        "exemption_indicator": None,
        "result": result,
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
