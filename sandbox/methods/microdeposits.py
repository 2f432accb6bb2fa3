"""Micro-deposits: the shopper reads on the bank statement what Stripe sent to the account, and types it in."""

from typing import Any

from sandbox.account import Account
from sandbox.api.operation import Call
from sandbox.api.params import EXPAND, Schema, integer, list_of, required_string
from sandbox.errors import ApiError, InvalidParamError, UnexpectedStateError
from sandbox.methods.pages import new_page
from sandbox.payment_intents.find import find
from sandbox.payment_intents.outcomes import delay, error_of, failed, require_action
from sandbox.payment_methods import method_of
from sandbox.store import JsonObject

RIGHT, TOO_MANY, TOO_LATE = ([32, 45], "SM11AA"), ([10, 11], "SM33CC"), ([40, 41], "SM44DD")
"""Stripe's test values: the amounts in cents, or the descriptor code."""
ATTEMPTS = {"amounts": 3, "descriptor_code": 10}
DAYS_TO_ARRIVE, DAYS_TO_VERIFY = 2, 10
_DAY = 86_400
_CODE = "payment_method_microdeposit_verification_"
_MISMATCH = {
    "amounts": "The amounts provided do not match the amounts that were sent to the bank account.",
    "descriptor_code": "The descriptor code provided does not match the one that was sent to the bank account.",
}
_TOO_MANY = "You have exceeded the number of allowed verification attempts."
_TOO_LATE = "The bank account was not verified in time: micro-deposits must be verified within 10 days."

VERIFY: Schema = {**EXPAND, "amounts": list_of(integer), "descriptor_code": required_string}


def send(account: Account, intent: JsonObject) -> JsonObject:
    url = new_page(account, intent, "us_bank_account")
    account.note(intent["id"], verifications=0)
    account.timers.add(DAYS_TO_VERIFY * _DAY, "time_out_microdeposits", intent["id"])
    details = {
        "arrival_date": account.clock.timestamp() + DAYS_TO_ARRIVE * _DAY,
        "hosted_verification_url": url,
        "microdeposit_type": "descriptor_code",
    }
    return require_action(account, intent, {"type": "verify_with_microdeposits", "verify_with_microdeposits": details})


def verify(account: Account, call: Call) -> JsonObject:
    """Debit the account where the values are right; raise ApiError where they are not."""
    intent = find(account, call)
    if not is_waiting(intent):
        message = f"This PaymentIntent has no micro-deposits to verify: it has a status of {intent['status']}."
        raise UnexpectedStateError(message, intent, account.config.unconfirmed.unexpected_state_param)
    name = _named(call.params)
    value = call.params[name]
    if value in RIGHT:
        return succeed(account, intent)
    if value in TOO_LATE:
        raise _raised(_fail(account, intent, f"{_CODE}timeout", _TOO_LATE))
    verifications = account.notes(intent["id"]).get("verifications", 0) + 1
    account.note(intent["id"], verifications=verifications)
    if value in TOO_MANY or verifications >= ATTEMPTS[name]:
        raise _raised(fail(account, intent))
    raise ApiError(_MISMATCH[name], code=f"{_CODE}{name}_mismatch", param=name, payment_intent=intent)


def is_waiting(intent: JsonObject) -> bool:
    is_open = intent["status"] == "requires_action"
    return is_open and bool(intent["next_action"]["type"] == "verify_with_microdeposits")


def _named(given: dict[str, Any]) -> str:
    names = [name for name in ("amounts", "descriptor_code") if name in given]
    if len(names) != 1:
        raise InvalidParamError("You must provide either `amounts` or `descriptor_code`.", code="parameter_missing")
    return names[0]


def succeed(account: Account, intent: JsonObject) -> JsonObject:
    method = account.the("payment_method", intent["payment_method"])
    account.note(method["id"], is_verified=True)
    account.timers.remove("time_out_microdeposits", intent["id"])
    return delay(account, intent, method, method_of(account, method["id"]))


def fail(account: Account, intent: JsonObject) -> JsonObject:
    """End the verification as after too many attempts."""
    return _fail(account, intent, f"{_CODE}attempts_exceeded", _TOO_MANY)


def time_out(account: Account, intent_id: str) -> None:
    intent = account.get("payment_intent", intent_id)
    if intent is not None and is_waiting(intent):
        _fail(account, intent, f"{_CODE}timeout", _TOO_LATE)


def _fail(account: Account, intent: JsonObject, code: str, message: str) -> JsonObject:
    account.timers.remove("time_out_microdeposits", intent["id"])
    return failed(account, intent, error_of(code, message, account.the("payment_method", intent["payment_method"])))


def _raised(intent: JsonObject) -> ApiError:
    error = intent["last_payment_error"]
    return ApiError(error["message"], code=error["code"], payment_intent=intent)
