"""One attempt to pay: a challenge, a decline, an authorisation, a delay or the money."""

from collections.abc import Mapping
from typing import Any

from sandbox.account import Account
from sandbox.cards import Decline, TestMethod
from sandbox.charges import authorized, failure, method_details, new_charge, settled_at_once
from sandbox.errors import DOCS, CardError
from sandbox.events import emit
from sandbox.payment_methods import method_of, record_use
from sandbox.store import JsonObject

AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
    "confirm_card_data",
)


_AFTER_SUCCESS = {
    "dispute": "dispute_as_tested",
    "not_received": "dispute_as_tested",
    "inquiry": "dispute_as_tested",
    "fraud_warning": "warn_of_fraud",
}


def attempt(account: Account, intent: JsonObject, method: JsonObject, given: Mapping[str, Any]) -> JsonObject:
    """Attempt to pay, and raise CardError for a decline after it is recorded."""
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
    changed = account.change(intent, status="requires_action", next_action=next_action)
    emit(account, "payment_intent.requires_action", changed)
    return changed


def pay(account: Account, intent: JsonObject, method: JsonObject, authentication: JsonObject | None) -> JsonObject:
    """Authorise and capture as the test method allows; a decline returns to `requires_payment_method`."""
    known = method_of(account, method["id"])
    if known.is_slow:
        return _delayed(account, intent, method, known)
    if known.decline is not None:
        return declined(account, intent, method, known, known.decline, authentication)
    if _captures_later(intent):
        return _authorized(account, intent, method, known, authentication)
    return _paid(account, intent, method, known, authentication)


def _captures_later(intent: JsonObject) -> bool:
    options = (intent["payment_method_options"] or {}).get("card") or {}
    return "manual" in {intent["capture_method"], options.get("capture_method")}


def _paid(
    account: Account,
    intent: JsonObject,
    method: JsonObject,
    known: TestMethod,
    authentication: JsonObject | None,
) -> JsonObject:
    charge = new_charge(
        account,
        intent,
        method,
        amount_captured=intent["amount"],
        captured=True,
        outcome=authorized(known),
        paid=True,
        payment_method_details=method_details(method, known, authentication, None),
        status="succeeded",
    )
    record_use(account, intent, method)
    if intent["capture_method"] == "automatic":
        charge = settled_at_once(account, charge)
    account.add(charge)
    emit(account, "charge.succeeded", charge)
    return succeed(account, intent, charge)


def succeed(account: Account, intent: JsonObject, charge: JsonObject) -> JsonObject:
    """Record the success; what the test method does afterwards is done by timers."""
    changed = account.change(
        intent,
        amount_capturable=0,
        amount_received=charge["amount_captured"],
        latest_charge=charge["id"],
        next_action=None,
        processing=None,
        status="succeeded",
    )
    emit(account, "payment_intent.succeeded", changed)
    if intent["capture_method"] != "automatic":
        account.timers.add(account.config.capture_delay.total_seconds(), "settle_charge", charge["id"])
    _notify_session(account, intent)
    action = _AFTER_SUCCESS.get(method_of(account, charge["payment_method"]).aftermath)
    if action is not None:
        account.timers.add(0, action, charge["id"])
    return changed


def _authorized(
    account: Account,
    intent: JsonObject,
    method: JsonObject,
    known: TestMethod,
    authentication: JsonObject | None,
) -> JsonObject:
    period = account.config.authorization_period.total_seconds()
    capture_before = account.clock.timestamp() + int(period)
    charge = new_charge(
        account,
        intent,
        method,
        outcome=authorized(known),
        paid=True,
        payment_method_details=method_details(method, known, authentication, capture_before),
        status="succeeded",
    )
    record_use(account, intent, method)
    account.add(charge)
    emit(account, "charge.succeeded", charge)
    changed = account.change(
        intent,
        amount_capturable=intent["amount"],
        latest_charge=charge["id"],
        next_action=None,
        status="requires_capture",
    )
    emit(account, "payment_intent.amount_capturable_updated", changed)
    _notify_session(account, intent)
    account.timers.add(period, "expire_authorization", intent["id"])
    return changed


def _delayed(account: Account, intent: JsonObject, method: JsonObject, known: TestMethod) -> JsonObject:
    charge = new_charge(
        account,
        intent,
        method,
        payment_method_details=method_details(method, known, None, None),
        status="pending",
    )
    record_use(account, intent, method)
    account.add(charge)
    changed = account.change(intent, latest_charge=charge["id"], next_action=None, status="processing")
    emit(account, "payment_intent.processing", changed)
    emit(account, "charge.pending", charge)
    _notify_session(account, intent)
    account.timers.add(account.config.settle_delay.total_seconds(), "finish_processing", intent["id"])
    return changed


def finish_processing(account: Account, intent_id: str) -> None:
    """Finish the payment of a slow method, with success or failure."""
    intent = account.get("payment_intent", intent_id)
    if intent is None or intent["status"] != "processing":
        return
    charge = account.the("charge", intent["latest_charge"])
    known = method_of(account, charge["payment_method"])
    if known.decline is not None:
        fail(account, intent, account.change(charge, **failure(known.decline)), known.decline)
        return
    paid = {"amount_captured": charge["amount"], "captured": True, "paid": True, "status": "succeeded"}
    changed = account.change(charge, outcome=authorized(known), **paid)
    emit(account, "charge.succeeded", changed)
    succeed(account, intent, changed)


def declined(
    account: Account,
    intent: JsonObject,
    method: JsonObject,
    known: TestMethod,
    decline: Decline,
    authentication: JsonObject | None = None,
) -> JsonObject:
    """Record a decline: a failed Charge, and a PaymentIntent that needs another method."""
    details = method_details(method, known, authentication, None)
    charge = new_charge(account, intent, method, payment_method_details=details, **failure(decline))
    return fail(account, intent, account.add(charge), decline)


def fail(account: Account, intent: JsonObject, charge: JsonObject, decline: Decline) -> JsonObject:
    emit(account, "charge.failed", charge)
    error = {
        "advice_code": decline.advice_code,
        "charge": charge["id"],
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": f"{DOCS}#{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": account.the("payment_method", charge["payment_method"]),
        "type": "card_error",
    }
    shown = {name: value for name, value in error.items() if value is not None}
    return failed(account, {**intent, "latest_charge": charge["id"]}, shown)


def failed(account: Account, intent: JsonObject, error: JsonObject) -> JsonObject:
    """Return the PaymentIntent to `requires_payment_method`, with the error."""
    changed = account.change(
        intent,
        last_payment_error=error,
        next_action=None,
        payment_method=None,
        processing=None,
        status="requires_payment_method",
    )
    emit(account, "payment_intent.payment_failed", changed)
    _notify_session(account, intent)
    return changed


def _notify_session(account: Account, intent: JsonObject) -> None:
    """Update the Checkout Session of the PaymentIntent, if it has one."""
    if "session" in account.notes(intent["id"]):
        account.timers.add(0, "follow_payment", intent["id"])


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
