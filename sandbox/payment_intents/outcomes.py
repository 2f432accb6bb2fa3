"""What becomes of an attempt to pay: the money, an authorisation, a delay, or a failure."""

from sandbox.account import Account
from sandbox.cards import NEVER, Decline, TestMethod
from sandbox.charges import authorized, failure, method_details, new_charge, settled_at_once
from sandbox.errors import DOCS
from sandbox.events import emit
from sandbox.payment_methods import method_of, record_use
from sandbox.store import JsonObject

_AFTER_SUCCESS = {
    "dispute": "dispute_as_tested",
    "not_received": "dispute_as_tested",
    "inquiry": "dispute_as_tested",
    "fraud_warning": "warn_of_fraud",
}


def require_action(account: Account, intent: JsonObject, next_action: JsonObject) -> JsonObject:
    """Wait for the shopper, or for the shopper's bank."""
    changed = account.change(intent, status="requires_action", next_action=next_action)
    emit(account, "payment_intent.requires_action", changed)
    _notify_session(account, intent)
    return changed


def paid(account: Account, intent: JsonObject, method: JsonObject, details: JsonObject) -> JsonObject:
    """Charge the whole amount at once; `details` are the `payment_method_details` of the Charge."""
    charge = new_charge(
        account,
        intent,
        method,
        amount_captured=intent["amount"],
        captured=True,
        outcome=authorized(method_of(account, method["id"])),
        paid=True,
        payment_method_details=details,
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


def authorize(
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


def delay(account: Account, intent: JsonObject, method: JsonObject, known: TestMethod) -> JsonObject:
    """Leave the payment in `processing` until the bank has an answer."""
    details = method_details(method, known, None, None)
    mandate = account.notes(intent["id"]).get("mandate")
    details[method["type"]]["mandate"] = mandate
    charge = new_charge(account, intent, method, payment_method_details=details, status="pending")
    record_use(account, intent, method)
    account.add(charge)
    changed = account.change(intent, latest_charge=charge["id"], next_action=None, status="processing")
    emit(account, "payment_intent.processing", changed)
    emit(account, "charge.pending", charge)
    _notify_session(account, intent)
    after = account.config.settle_delay.total_seconds() if known.takes is None else known.takes
    if after != NEVER:
        account.timers.add(after, "finish_processing", intent["id"])
    return changed


def finish_processing(account: Account, intent_id: str) -> None:
    """Finish the payment of a slow method as its test account says."""
    intent = account.get("payment_intent", intent_id)
    if intent is None or intent["status"] != "processing":
        return
    charge = account.the("charge", intent["latest_charge"])
    finish_debit(account, intent, method_of(account, charge["payment_method"]).decline)


def finish_debit(account: Account, intent: JsonObject, decline: Decline | None) -> JsonObject:
    """Succeed, or fail as the decline says; the PaymentIntent is in `processing`."""
    account.timers.remove("finish_processing", intent["id"])
    charge = account.the("charge", intent["latest_charge"])
    if decline is not None:
        return fail(account, intent, account.change(charge, **failure(decline)), decline)
    captured = {"amount_captured": charge["amount"], "captured": True, "paid": True, "status": "succeeded"}
    known = method_of(account, charge["payment_method"])
    changed = account.change(charge, outcome=authorized(known), **captured)
    emit(account, "charge.succeeded", changed)
    return succeed(account, intent, changed)


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


def error_of(code: str, message: str, method: JsonObject) -> JsonObject:
    """Return a `last_payment_error` that no Charge stands behind."""
    return {
        "code": code,
        "doc_url": f"{DOCS}#{code.replace('_', '-')}",
        "message": message,
        "payment_method": method,
        "type": "invalid_request_error",
    }


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
